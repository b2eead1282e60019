"""A second pair of eyes on a PostgreSQL database, and a hand on its locks."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

_OTHERS = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
WAITING_FOR_A_LOCK = "wait_event_type = 'Lock'"
BUSY = "state = 'active'"


class Watcher:
    """A connection beside the store's. Its conditions are about the other connections to the same database."""

    def __init__(self, url: str, connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
        self._url = url
        self._connection = connection

    async def count(self, condition: str = "true") -> int:
        return int(await self._connection.fetchval(f"SELECT count(*) FROM {_OTHERS} AND {condition}"))  # noqa: S608

    async def until_none(self, condition: str = "true") -> None:
        deadline = time.monotonic() + 5
        while await self.count(condition):
            assert time.monotonic() < deadline, f"still {condition} after 5 s"
            await asyncio.sleep(0.01)

    async def until_some(self, condition: str) -> None:
        deadline = time.monotonic() + 5
        while not await self.count(condition):
            assert time.monotonic() < deadline, f"not {condition} within 5 s"
            await asyncio.sleep(0.01)

    async def terminate(self, condition: str = "true") -> None:
        """End connections, as an administrator or a failover would."""
        await self._connection.fetch(f"SELECT pg_terminate_backend(pid) FROM {_OTHERS} AND {condition}")  # noqa: S608

    @asynccontextmanager
    async def holding(self, *statements: str) -> AsyncIterator[Any]:
        """A transaction on a connection of its own that has run the statements; undone unless it was committed."""
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute("; ".join(("BEGIN", *statements)))
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Watcher]:
    connection = await asyncpg.connect(url)
    try:
        yield Watcher(url, connection)
    finally:
        await connection.close()


def terminate_behind_the_loop_s_back(url: str) -> None:
    """End all connections while the running loop stands still, so that it hears of it when it next uses one."""

    async def run() -> None:
        async with watching(url) as watcher:
            await watcher.terminate()
            await watcher.until_none()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join()
