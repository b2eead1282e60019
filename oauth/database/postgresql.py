"""PostgreSQL through asyncpg: SQLAlchemy for most, the bare driver for the token path (D-22)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from oauth.database.database import outages
from oauth.foundation.outages import StoreUnavailable

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_SECONDS = 5.0  # below the 10 s after which clients give up
_LIMITS: dict[str, Any] = {
    "timeout": CONNECT_TIMEOUT_SECONDS,
    # The server gives up, and rolls back. What the driver alone has given up on may be carried out later: it waits
    # longer, for a server that cannot be heard any more.
    "server_settings": {"statement_timeout": str(int(STATEMENT_TIMEOUT_SECONDS * 1000))},
    "command_timeout": STATEMENT_TIMEOUT_SECONDS + 1,
}


class PostgresqlDatabase:
    """A Database on a server. `connection` lends a bare asyncpg connection, without a transaction."""

    def __init__(self, engine: AsyncEngine, connections: "_Connections") -> None:
        self._engine = engine
        self._connections = connections

    @classmethod
    async def open(cls, url: URL, pool_size: int) -> Self:
        """Connect to the server that url names. pool_size: connections of each of the two pools, at most."""
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # from whoever reads an error in the log
            connect_args=_LIMITS,
        )
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        connections = _Connections(dsn, pool_size)
        async with connections.one():
            pass
        return cls(engine, connections)

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
        """A connection of the token path; each statement on it is a transaction by itself."""
        async with self._connections.one() as connection:
            yield connection

    async def close(self) -> None:
        """See Database."""
        await self._connections.close()
        await self._engine.dispose()


class _Connections:
    """Bare connections, at most `size`. asyncpg's own pool makes two tasks per loan, which is felt on the token path.

    A connection goes back when the loan ended well; after any error it is closed, since nobody knows its state."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._size = size
        self._closed = False
        self._free = asyncio.Semaphore(size)
        self._idle: list[Any] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Any]:
        """Lend one; StoreUnavailable when none becomes free or can be opened."""
        if self._free.locked():
            try:
                await asyncio.wait_for(self._free.acquire(), CONNECT_TIMEOUT_SECONDS)
            except TimeoutError:
                raise StoreUnavailable("all connections are busy") from None
        else:
            await self._free.acquire()
        connection = None
        try:
            with outages():
                connection = await self._open()
                yield connection
        except BaseException as error:
            if connection is not None:
                connection.terminate()
            if isinstance(error, StoreUnavailable):
                # What broke this one broke the others too, and none of them would notice before its next use.
                while self._idle:
                    self._idle.pop().terminate()
            raise
        else:
            if self._closed:
                connection.terminate()
            else:
                self._idle.append(connection)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close all: the idle now, those that are lent when they come back, which is waited for."""
        self._closed = True
        for _ in range(self._size):
            await self._free.acquire()
        for _ in range(self._size):
            self._free.release()
        while self._idle:
            await self._idle.pop().close()

    async def _open(self) -> Any:  # noqa: ANN401 - asyncpg has no types
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await asyncpg.connect(self._dsn, **_LIMITS)
