"""From a URL to a Store: the one place that knows both databases."""

from oauth.stores.database import parse_url
from oauth.stores.postgresql import PostgresqlDatabase
from oauth.stores.postgresql_token_path import PostgresqlTokenPath
from oauth.stores.sql import SqlStore
from oauth.stores.sqlite import SqliteDatabase
from oauth.stores.sqlite_token_path import SqliteTokenPath


async def open_database(url: str, pool_size: int = 10) -> SqliteDatabase | PostgresqlDatabase:
    """Connect. UnsuitableDatabase for a URL of another kind, StoreUnavailable when nothing answers there."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(parsed)
    return await PostgresqlDatabase.open(parsed, pool_size)


def store_on(database: SqliteDatabase | PostgresqlDatabase) -> SqlStore:
    """The authorization server's store on an open database."""
    if isinstance(database, SqliteDatabase):
        return SqlStore(database, SqliteTokenPath(database))
    return SqlStore(database, PostgresqlTokenPath(database))
