"""From a URL to a Store: the one place that knows both databases. Only the driver that is used is imported."""

from typing import TYPE_CHECKING, TypeAlias

from oauth.database.database import parse_url
from oauth.database.sqlite import SqliteDatabase
from oauth.stores.ports import Store
from oauth.stores.sql.store import sql_store
from oauth.stores.sql.token_sqlite import SqliteTokenPath

if TYPE_CHECKING:
    from oauth.database.postgresql import PostgresqlDatabase


OpenDatabase: TypeAlias = "SqliteDatabase | PostgresqlDatabase"


async def open_database(url: str, pool_size: int = 10) -> OpenDatabase:
    """Connect. UnsuitableDatabase for a URL of another kind, StoreUnavailable when nothing answers there."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(parsed)
    from oauth.database.postgresql import PostgresqlDatabase  # noqa: PLC0415

    return await PostgresqlDatabase.open(parsed, pool_size)


def store_on(database: OpenDatabase) -> Store:
    """The authorization server's store on an open database."""
    if isinstance(database, SqliteDatabase):
        return sql_store(database, SqliteTokenPath(database))
    from oauth.stores.sql.token_postgresql import PostgresqlTokenPath  # noqa: PLC0415

    return sql_store(database, PostgresqlTokenPath(database))
