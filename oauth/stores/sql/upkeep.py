"""The port Upkeep in SQL."""

from datetime import datetime
from functools import partial

from sqlalchemy import literal_column, select

from oauth.stores.sql import sweeping
from oauth.stores.sql.base import SqlPort


class SqlUpkeep(SqlPort):
    """See Upkeep."""

    async def sweep(self, now: datetime, limit: int) -> int:
        swept = 0
        for step in sweeping.STEPS:
            swept += await self._database.write(partial(step, now=now, limit=limit))
        return swept

    async def check(self) -> None:
        await self._first(select(literal_column("1")))
