"""A database that every package of ours shares: reads, and writes that are whole or not at all.

`work` is a plain function of a synchronous SQLAlchemy connection, so one implementation of a query serves both
databases: on SQLite it runs in the one writer thread, on PostgreSQL in a transaction of its own."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, exc, text
from sqlalchemy.engine import URL, make_url

from oauth.foundation.outages import StoreUnavailable

T = TypeVar("T")

# A part of a transaction; it may run twice, so it depends on nothing but what it reads.
Write: TypeAlias = Callable[[Connection], None]

# How every table of ours names its constraints, whichever package it is of: migrations find them by these names.
NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Database(Protocol):
    """What SqliteDatabase and PostgresqlDatabase have in common."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work on a connection that sees all committed writes. StoreUnavailable when that cannot be done."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work in a transaction; when this returns, it is on disk. StoreUnavailable: nothing was written."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of connections and threads."""
        ...


class UnsuitableDatabase(Exception):
    """The database cannot be used as it is; the message says what to do."""


def parse_url(url: str) -> URL:
    """`sqlite:///relative.sqlite`, `sqlite:////absolute.sqlite` or `postgresql://…` → SQLAlchemy's URL, with the
    asynchronous driver. UnsuitableDatabase for anything else."""
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):  # the latter where the port is no number
        raise UnsuitableDatabase("The database URL is not a URL such as sqlite:///mcp-auth.sqlite.") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database not in {None, "", ":memory:"}:
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+asyncpg")
        case _:
            raise UnsuitableDatabase(
                "The database URL must be sqlite:///path/to/file or postgresql://user@host/database."
            )


@contextmanager
def outages() -> Iterator[None]:
    """Drivers' trouble → StoreUnavailable. What is a mistake of ours (constraints, types, syntax) passes through."""
    try:
        yield
    except exc.DBAPIError as error:
        cause = error.orig or error
        if not error.connection_invalidated and not is_outage(cause):
            raise
        raise StoreUnavailable(_summary(cause)) from error
    except exc.TimeoutError as error:  # the pool had no connection left
        raise StoreUnavailable("connection pool exhausted") from error
    except Exception as error:
        if not is_outage(error):
            raise
        raise StoreUnavailable(_summary(error)) from error


def is_outage(error: BaseException) -> bool:
    """Is it the database's trouble? Judged by sqlite3's classes and codes, and by SQLSTATE where a server gave one."""
    if isinstance(error, OSError | TimeoutError):
        return True
    if isinstance(error, sqlite3.Error):
        # SQLITE_ERROR is SQL that cannot be run: ours.
        ours = isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError)
        return not ours and getattr(error, "sqlite_errorname", None) != "SQLITE_ERROR"
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        # Class 22 data, 23 constraints, 42 syntax: ours. Everything else (connections, resources, failover) passes.
        return sqlstate[:2] not in {"22", "23", "42"}
    # asyncpg's own complaints about a connection that is gone; the last, where it has not yet read the farewell.
    return type(error).__name__ in {"InterfaceError", "ConnectionDoesNotExistError", "InternalClientError"}


def _summary(error: BaseException) -> str:
    """What the log may say: the driver's class and code. Its message could quote a row."""
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


async def check_revision(database: Database, expected: str) -> None:
    """Is the database at the newest migration? UnsuitableDatabase says what to run, if it is not."""

    def read(connection: Connection) -> str | None:
        try:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        except (exc.OperationalError, exc.ProgrammingError):  # no such table
            return None

    found = await database.read(read)
    if found != expected:
        raise UnsuitableDatabase(
            f"The database is at revision {found or 'none'}, this program needs {expected}: run `mcp-auth migrate`."
        )


def ensure_private_file(path: Path) -> None:
    """Create the file readable by its owner alone, before anything is written into it."""
    if not path.exists():
        path.touch(mode=0o600)
