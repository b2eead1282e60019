"""SQLite: one writer thread that commits a group, readers beside it (WAL).

Whoever writes hands a function to the writer. It takes all that wait, runs them in one immediate transaction, commits
once, and only then are the callers told: an answer means that it is on disk. Should one of them fail, all are rolled
back and run again one by one, so a function must be able to run twice: what it yields follows from what it reads."""

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
from oauth.stores.gathering import Gatherer

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 5.0  # below the 10 s after which clients give up
_GROUP = 128  # jobs, from which on a commit takes no more
_WAITING = 4096  # jobs that may wait

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


# A job with its value, or with the error that it failed with.
_Outcome = tuple[_Job[Any], Any, BaseException | None]


class _NotBegun(sqlite3.OperationalError):
    """Another process holds the lock, or the file is gone: no job of the group can be run now."""


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
        self._waiting = 0
        self._groups: queue.SimpleQueue[list[_Job[Any]] | None] = queue.SimpleQueue()
        # The writer wakes once, and commits once, for what the loop gathers in a turn.
        self._gatherer: Gatherer[_Job[Any]] = Gatherer(self._groups.put)
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
        if self._waiting >= _WAITING:
            raise StoreUnavailable("too many writes are waiting")
        self._waiting += 1
        self._gatherer.add(_Job(work, loop, future))
        try:
            with outages():
                return await future
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """See Database."""
        self._gatherer.flush()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)
        await self._readers.dispose()
        self._core.close()
        self._connection.close()

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            group: list[_Job[Any]] = []
            handed_over = self._groups.get()
            while handed_over is not None:
                group += handed_over
                if len(group) >= _GROUP or self._groups.empty():
                    break
                handed_over = self._groups.get()
            else:
                closing = True
            if group:
                self._commit(group)

    def _commit(self, group: list[_Job[Any]]) -> None:
        """Run a group in one transaction and tell its callers. Where one fails, each gets a transaction of its own."""
        try:
            outcomes = self._attempt(group)
        except Exception as error:  # noqa: BLE001 - handed to the callers, whose jobs they were
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if len(group) == 1 or isinstance(error, _NotBegun):
                outcomes = [(job, None, error) for job in group]
            else:
                for job in group:
                    self._commit([job])
                return
        _deliver(outcomes)

    def _attempt(self, group: list[_Job[Any]]) -> list[_Outcome]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise _NotBegun from error
        outcomes: list[_Outcome] = [(job, job.work(self._connection), None) for job in group]
        self._connection.execute("COMMIT")
        return outcomes


def _deliver(outcomes: list[_Outcome]) -> None:
    """Wake each loop once for all of its futures."""

    def settle(mine: list[_Outcome]) -> None:
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
