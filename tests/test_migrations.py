"""The migrations lead from nothing to the tables as they are defined, and back, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

import mcp_auth.supabase.account_states
import mcp_auth.supabase.sealed_sessions
import mcp_auth.users.tables
import migrations
import oauth.stores.sql.tables
from oauth.database.database import parse_url

METADATA = [oauth.stores.sql.tables.metadata, mcp_auth.users.tables.metadata]


async def inspected(url: str, work: object) -> object:
    engine = create_async_engine(parse_url(url))
    async with engine.connect() as connection:
        found = await connection.run_sync(work)  # type: ignore[arg-type, var-annotated]
    await engine.dispose()
    return found


async def test_migrated_database_equals_the_table_definitions(database_url: str) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), METADATA)  # type: ignore[arg-type]

    assert await inspected(database_url, differences) == []


async def test_migrating_down_and_up_again_leaves_nothing_and_then_everything(database_url: str) -> None:
    def tables(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}

    await migrations.downgrade(parse_url(database_url), "base")
    assert await inspected(database_url, tables) == set()
    await migrations.upgrade(parse_url(database_url))
    assert await inspected(database_url, tables) == {name for each in METADATA for name in each.tables}


async def test_migrating_a_migrated_database_changes_nothing(database_url: str) -> None:
    await migrations.upgrade(parse_url(database_url))


def test_program_needs_the_newest_migration() -> None:
    folder = str(migrations.__path__[0])
    assert ScriptDirectory(folder).get_heads() == [oauth.stores.sql.tables.REVISION]
