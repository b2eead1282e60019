"""How the database came to be: Alembic revisions, and the one function that applies them."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from oauth.database.database import UnsuitableDatabase, ensure_private_file, outages

# Any number that no other program on the same server uses.
_POSTGRESQL_LOCK = 7_266_214_983


async def upgrade(url: URL, revision: str = "head") -> None:
    """Bring the database to a revision, or leave it as it was. Two of these at once wait for each other.
    UnsuitableDatabase where there can be none, StoreUnavailable when nothing answers there."""
    await _run(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: URL, revision: str) -> None:
    """Bring the database back to a revision; `base` is empty."""
    await _run(url, lambda config: command.downgrade(config, revision))


async def _run(url: URL, work: Callable[[Config], None]) -> None:
    engine = create_async_engine(url, hide_parameters=True)
    if url.get_backend_name() == "sqlite":
        _make_private_file(Path(url.database or ""))
        _make_ddl_transactional(engine)

    def migrate(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        config.attributes["connection"] = connection
        work(config)

    try:
        with outages():
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
    finally:
        await engine.dispose()


def _make_private_file(path: Path) -> None:
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UnsuitableDatabase(f"There is no folder {folder} for the database: make it, or name another.")
    with outages():
        ensure_private_file(path)


def _make_ddl_transactional(engine: AsyncEngine) -> None:
    """SQLite can roll back DDL; the driver only has to be kept from committing before it."""

    @event.listens_for(engine.sync_engine, "connect")
    def no_implicit_transactions(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    @event.listens_for(engine.sync_engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
