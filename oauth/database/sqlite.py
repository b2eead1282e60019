"""SQLite: one writer thread that commits a group, readers beside it (WAL).

Whoever writes hands a function to the writer. It takes all that wait, runs them in one immediate transaction, commits
once, and only then are the callers told: an answer means that it is on disk. Should one of them fail, all are rolled
back and run again one by one, so a function must be able to run twice: what it yields follows from what it reads."""

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool, StaticPool

from oauth.database.batching import Batcher
from oauth.database.database import UnsuitableDatabase, outages
from oauth.foundation.outages import StoreUnavailable

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS = 5.0  # below the 10 s after which clients give up
_GROUP = 128  # jobs, from which on a commit takes no more
# While several write at once, so long is waited for more of them before a commit: a commit costs more than the wait,
# and whoever writes alone does not wait.
_GATHERING_SECONDS = 0.0002
_WAITING = 4096  # jobs that may wait, of readers and of writers
_READERS = 4  # threads that read, each with a connection of its own

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA journal_size_limit=67108864",
    # 16 MiB instead of 2: the inner pages of the indexes stay in memory with a million grants.
    "PRAGMA cache_size=-16384",
)


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]


# A job with its value, or with the error that it failed with.
_Outcome = tuple[_Job[Any], Any, BaseException | None]


class _NotBegun(Exception):
    """Another process holds the lock, or the file is gone (the cause): no job of the group can be run now."""


class SqliteDatabase:
    """A Database in one file. `write_on_driver` is for the few statements where SQLAlchemy's cost shows."""

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database or "").absolute()
        with outages():
            self._path.parent.stat()  # a folder that is not there may be a volume that comes back
        if not self._path.exists():
            raise UnsuitableDatabase(
                f"There is no database at {self._path}: run `mcp-auth migrate`, or name the one that you mean in "
                "MCP_AUTH_DATABASE_URL."
            )
        with outages():
            self._connection = _writer(self._path)
            self._file = self._path.stat()
        # SQLAlchemy on the writer's own connection: it never commits, the writer does.
        self._core = create_engine(
            "sqlite://", creator=lambda: self._connection, poolclass=StaticPool, hide_parameters=True
        ).connect()
        self._readers = _readers(self._path)
        self._reading = ThreadPoolExecutor(_READERS, "sqlite-reader")
        self._waiting = 0
        self._closed = False
        self._groups: queue.SimpleQueue[list[_Job[Any]] | None] = queue.SimpleQueue()
        # The writer wakes once, and commits once, for what the loop gathers in a turn.
        self._gatherer: Batcher[_Job[Any]] = Batcher(self._groups.put)
        self._thread = threading.Thread(target=self._write_until_closed, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See Database."""

        def run() -> T:
            with self._readers.connect() as connection:
                return work(connection)

        with self._place_in_the_queue(), outages():
            return await asyncio.get_running_loop().run_in_executor(self._reading, run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See Database."""
        return await self.write_on_driver(lambda _: work(self._core))

    async def write_on_driver(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As write, on the driver's own connection."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._place_in_the_queue(), outages():
            self._gatherer.add(_Job(work, loop, future))
            return await future

    async def close(self) -> None:
        """See Database."""
        self._closed = True
        self._gatherer.flush()
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._reading.shutdown)
        self._readers.dispose()
        self._core.close()
        self._connection.close()

    @contextmanager
    def _place_in_the_queue(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable("the database was closed")
        if self._waiting >= _WAITING:
            raise StoreUnavailable("too many are waiting for the database")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def _write_until_closed(self) -> None:
        closing, crowded = False, False
        while not closing:
            group: list[_Job[Any]] = []
            handed_over = self._groups.get()
            if crowded and self._groups.empty():
                time.sleep(_GATHERING_SECONDS)
            while handed_over is not None:
                group += handed_over
                if len(group) >= _GROUP or self._groups.empty():
                    break
                handed_over = self._groups.get()
            else:
                closing = True
            crowded = len(group) > 1
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
                outcomes = [(job, None, error.__cause__ if isinstance(error, _NotBegun) else error) for job in group]
            else:
                for job in group:
                    self._commit([job])
                return
        _deliver(outcomes)

    def _attempt(self, group: list[_Job[Any]]) -> list[_Outcome]:
        try:
            # SQLite would go on in a file that has lost its name, and what it acknowledged would be gone with it.
            if not os.path.samestat(self._path.stat(), self._file):
                raise FileNotFoundError
            self._connection.execute("BEGIN IMMEDIATE")
        except (OSError, sqlite3.Error) as error:
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


def _writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        for pragma in _WRITER_PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _readers(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # mode=rw: a file that is gone is an outage; by itself SQLite would make an empty one, readable by everyone.
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=False
        )
        connection.execute("PRAGMA query_only=ON")
        return connection

    # A thread has one connection at a time, so nobody waits for the pool.
    return create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=_READERS,
        max_overflow=0,
        hide_parameters=True,
    )
