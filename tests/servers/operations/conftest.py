from collections.abc import AsyncIterator, Iterator, MutableMapping
from datetime import timedelta
from typing import Any

import pytest
import structlog

from oauth.protocol.models import Revocation
from oauth.revocation import Revoker
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import Store
from tests.support.builders import NOW
from tests.support.clock import SettableClock

Events = list[MutableMapping[str, Any]]


@pytest.fixture
def clock() -> SettableClock:
    clock = SettableClock()
    clock.now = NOW
    return clock


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[OpenDatabase]:
    """An open database; each test runs on both kinds."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def store(database: OpenDatabase) -> Store:
    return store_on(database)


@pytest.fixture
def announced() -> list[Revocation]:
    """What this process was told of."""
    return []


@pytest.fixture
def revoker(store: Store, announced: list[Revocation], clock: SettableClock) -> Revoker:
    return Revoker(store, announced.append, clock, timedelta(hours=1))


@pytest.fixture
def events() -> Iterator[Events]:
    """What was recorded."""
    with structlog.testing.capture_logs() as recorded:
        yield recorded
