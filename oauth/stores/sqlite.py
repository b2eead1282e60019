"""SQLite: one writer thread that commits a group, readers beside it (WAL).

Whoever writes hands a function to the writer. It takes all that wait, runs each in a savepoint of one immediate
transaction, commits once, and only then are the callers told: an answer means that it is on disk."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from oauth.outages import StoreUnavailable
from oauth.stores.database import ensure_private_file, outages

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 5.0  # below the 10 s after which clients give up
_GROUP = 128  # jobs a commit may carry
_QUEUE = 4096  # jobs that may wait

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA journal_size_limit=67108864",
)


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]


class SqliteDatabase:
    """A Database in one file. `write_on_driver` is for the few statements where SQLAlchemy's cost shows."""

    def __init__(self, url: URL) -> None:
        path = Path(url.database or "")
        with outages():
            ensure_private_file(path)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            for pragma in _WRITER_PRAGMAS:
                self._connection.execute(pragma)
        # SQLAlchemy on the writer's own connection: it never commits, the writer does.
        self._core = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool).connect()
        self._readers = _readers(url)
        self._jobs: queue.Queue[_Job[Any] | None] = queue.Queue(_QUEUE)
        self._thread = threading.Thread(target=self._write_until_closed, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See Database."""
        with outages():
            async with self._readers.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See Database."""
        return await self.write_on_driver(lambda _: work(self._core))

    async def write_on_driver(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As write, on the driver's own connection."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        try:
            self._jobs.put_nowait(_Job(work, loop, future))
        except queue.Full:
            raise StoreUnavailable("too many writes are waiting") from None
        with outages():
            return await future

    async def close(self) -> None:
        """See Database."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await self._readers.dispose()
        self._core.close()
        self._connection.close()

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            group: list[_Job[Any]] = []
            job = self._jobs.get()
            while job is not None:
                group.append(job)
                if len(group) == _GROUP:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            else:
                closing = True
            if group:
                self._commit(group)

    def _commit(self, group: list[_Job[Any]]) -> None:
        """Run a group in one transaction and tell its callers. An outcome is a value, or the exception to raise."""
        outcomes: list[tuple[_Job[Any], Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes.extend((job, *self._attempt(job)) for job in group)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            outcomes = [(job, None, error) for job in group]
        _deliver(outcomes)

    def _attempt(self, job: _Job[Any]) -> tuple[Any, BaseException | None]:
        """One job in a savepoint. When SQLite itself gave up the transaction (full, I/O), the group fails with it."""
        self._connection.execute("SAVEPOINT job")
        try:
            value = job.work(self._connection)
        except Exception as error:  # handed to the caller, whose job it was
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError("the transaction was given up") from error
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return None, error
        self._connection.execute("RELEASE job")
        return value, None


def _deliver(outcomes: list[tuple[_Job[Any], Any, BaseException | None]]) -> None:
    """Wake each loop once for all of its futures."""

    def settle(mine: list[tuple[_Job[Any], Any, BaseException | None]]) -> None:
        for job, value, error in mine:
            if job.future.done():  # the caller went away
                continue
            if error is None:
                job.future.set_result(value)
            else:
                job.future.set_exception(error)

    for loop in {id(job.loop): job.loop for job, _, _ in outcomes}.values():
        mine = [outcome for outcome in outcomes if outcome[0].loop is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, mine)


def _readers(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=2, max_overflow=2, pool_timeout=BUSY_TIMEOUT_SECONDS, connect_args={"timeout": 5}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def only_read(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection has no type
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    return engine
