from collections.abc import AsyncIterator

import pytest

from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import Store


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
async def other_store(database_url: str) -> AsyncIterator[Store]:
    """What another node has: the same database, opened by itself."""
    opened = await open_database(database_url)
    yield store_on(opened)
    await opened.close()
