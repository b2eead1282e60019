"""What the ports in SQL have in common."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, Table, insert

from oauth.database.database import Database
from oauth.stores.sql import rows


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
