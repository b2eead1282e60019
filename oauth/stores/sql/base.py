"""What the ports in SQL have in common."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, insert, select

from oauth.database.database import Database
from oauth.foundation.vocabulary import ClientId
from oauth.stores.sql import rows
from oauth.stores.sql.tables import clients


def lock_enabled_client(connection: Connection, client_id: ClientId) -> bool:
    """Lock the row of a client that is about to get a grant, so that ending the client waits and ends the grant too.

    False when the client is gone or disabled."""
    enabled = (
        select(clients.c.client_id)
        .where(clients.c.client_id == client_id, clients.c.disabled_at.is_(None))
        .with_for_update()
    )
    return connection.execute(enabled).first() is not None


class SqlPort:
    """A port on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _first(self, query: Select[Any]) -> rows.Row | None:
        return await self._database.read(lambda connection: connection.execute(query).first())

    async def _all(self, query: Select[Any]) -> Sequence[rows.Row]:
        return await self._database.read(lambda connection: connection.execute(query).all())

    async def _insert(self, table: Table, values: rows.Values) -> None:
        await self._database.write(lambda connection: connection.execute(insert(table).values(values)))
