from collections.abc import Iterator

import pytest

from tests.support.faulty_server import FaultyServer
from tests.support.live_server import bind, serving
from tests.support.properties import load_profile

load_profile()


@pytest.fixture(scope="module")
def _running() -> Iterator[FaultyServer]:
    listening, url = bind()
    server = FaultyServer(url)
    with serving(server.app, listening):
        yield server


@pytest.fixture
def server(_running: FaultyServer) -> FaultyServer:
    """Somebody else's deployment, sound as yet."""
    _running.plant()
    return _running
