"""PostgreSQL through asyncpg: SQLAlchemy for most, the bare driver for the token path (D-22)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from oauth.stores.database import outages

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_SECONDS = 5.0  # below the 10 s after which clients give up


class PostgresqlDatabase:
    """A Database on a server. `connection` lends a bare asyncpg connection, without a transaction."""

    def __init__(self, engine: AsyncEngine, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._engine = engine
        self._pool = pool

    @classmethod
    async def open(cls, url: URL, pool_size: int) -> Self:
        """Connect to the server that url names. pool_size: connections of each of the two pools, at most."""
        limits = {"timeout": CONNECT_TIMEOUT_SECONDS, "command_timeout": STATEMENT_TIMEOUT_SECONDS}
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            pool_pre_ping=True,
            connect_args=limits,
        )
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with outages():
            return cls(engine, await asyncpg.create_pool(dsn, min_size=1, max_size=pool_size, reset=_keep, **limits))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See Database."""
        with outages():
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See Database."""
        with outages():
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the token path's own pool; each statement on it is a transaction by itself."""
        with outages():
            async with self._pool.acquire(timeout=CONNECT_TIMEOUT_SECONDS) as connection:
                yield connection

    async def close(self) -> None:
        """See Database."""
        await self._pool.close()
        await self._engine.dispose()


async def _keep(_connection: object) -> None:
    """Nothing to reset: the token path opens no transactions, cursors or listeners and sets nothing."""
