from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.properties import load_profile
from tests.support.scripted_server import scripted_server
from tests.support.verifying_node import Node

load_profile()


@pytest.fixture
async def node(clock: SettableClock) -> AsyncIterator[Node]:
    async with scripted_server() as project, httpx.AsyncClient() as http:
        yield Node(clock, project, http)
