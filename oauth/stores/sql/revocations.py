"""The port Revocations in SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from oauth.database.timestamps import to_micros
from oauth.protocol.models import Revocation
from oauth.stores.sql import rows
from oauth.stores.sql.base import SqlPort
from oauth.stores.sql.tables import revocations


class SqlRevocations(SqlPort):
    """See Revocations."""

    async def add(self, revocation: Revocation) -> None:
        await self._insert(revocations, rows.revocation_values(revocation))

    async def recorded_after(self, instant: datetime, now: datetime) -> Sequence[Revocation]:
        query = select(revocations).where(
            revocations.c.recorded_at > to_micros(instant), revocations.c.expires_at > to_micros(now)
        )
        return [rows.revocation_of(row) for row in await self._all(query)]
