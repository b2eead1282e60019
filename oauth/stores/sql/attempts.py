"""The port Attempts in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, delete

from oauth.database.timestamps import from_micros, to_micros
from oauth.database.upsert import UPSERTS
from oauth.foundation.vocabulary import Digest
from oauth.stores.ports import AttemptCount
from oauth.stores.sql.base import SqlPort
from oauth.stores.sql.tables import attempts


class SqlAttempts(SqlPort):
    """See Attempts."""

    async def count(self, keys: Sequence[Digest], now: datetime, window: timedelta) -> Sequence[AttemptCount]:
        ends = to_micros(now + window)

        def work(connection: Connection) -> list[AttemptCount]:
            upsert = UPSERTS[connection.dialect.name](attempts)
            over = attempts.c.expires_at <= to_micros(now)
            counted = upsert.on_conflict_do_update(
                index_elements=[attempts.c.key],
                set_={
                    "count": case((over, 1), else_=attempts.c.count + 1),
                    "expires_at": case((over, ends), else_=attempts.c.expires_at),
                },
            ).returning(attempts.c.count, attempts.c.expires_at)
            # In one order everywhere, so that two transactions never wait for each other.
            rows_of = {
                key: connection.execute(counted.values(key=key, count=1, expires_at=ends)).one()
                for key in sorted(set(keys))
            }
            return [AttemptCount(rows_of[key][0], from_micros(rows_of[key][1])) for key in keys]

        return await self._database.write(work)

    async def add(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
        def work(connection: Connection) -> dict[Digest, int]:
            upsert = UPSERTS[connection.dialect.name](attempts)
            added = upsert.on_conflict_do_update(
                index_elements=[attempts.c.key], set_={"count": attempts.c.count + upsert.excluded.count}
            ).returning(attempts.c.count)
            return {
                key: connection.execute(added.values(key=key, count=count, expires_at=to_micros(until))).scalar_one()
                for key, count in sorted(counts.items())
            }

        return await self._database.write(work)

    async def forget(self, key: Digest) -> None:
        await self._database.write(lambda connection: forget_attempts(connection, [key]))


def forget_attempts(connection: Connection, keys: Sequence[Digest]) -> None:
    """Reset counters, in one order everywhere."""
    for key in sorted(keys):
        connection.execute(delete(attempts).where(attempts.c.key == key))
