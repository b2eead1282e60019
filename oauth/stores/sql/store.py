"""The Store on a Database. The token path has an implementation per driver; all else is written once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from sqlalchemy import Connection, case, delete, exc, literal_column, select

from oauth.database.database import Database
from oauth.database.timestamps import from_micros, to_micros
from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol.grant_types.decision import Issue, Refuse
from oauth.stores.ports import Attempts, DecideCode, DecideRefresh, StoredSigningKey
from oauth.stores.sql import rows, sweeping
from oauth.stores.sql.base import UPSERTS
from oauth.stores.sql.clients import ClientsInSql
from oauth.stores.sql.flow_history import FlowsInSql
from oauth.stores.sql.grants import GrantsInSql
from oauth.stores.sql.requests import RequestsInSql
from oauth.stores.sql.sessions import PeopleInSql
from oauth.stores.sql.tables import attempts, signing_keys


class TokenPath(Protocol):
    """The two operations that are worth a driver's own code; see Store."""

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        """See Store."""
        ...

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        """See Store."""
        ...


class SqlStore(ClientsInSql, RequestsInSql, GrantsInSql, PeopleInSql, FlowsInSql):
    """See Store, of which this is the implementation for both databases."""

    def __init__(self, database: Database, token_path: TokenPath) -> None:
        super().__init__(database)
        self.redeem_code = token_path.redeem_code
        self.refresh = token_path.refresh

    # -- attempts

    async def count_attempts(self, keys: Sequence[Digest], now: datetime, window: timedelta) -> Sequence[Attempts]:
        ends = to_micros(now + window)

        def work(connection: Connection) -> list[Attempts]:
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
            return [Attempts(rows_of[key][0], from_micros(rows_of[key][1])) for key in keys]

        return await self._database.write(work)

    async def add_attempts(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
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

    async def forget_attempts(self, key: Digest) -> None:
        await self._database.write(lambda connection: connection.execute(delete(attempts).where(attempts.c.key == key)))

    # -- keys

    async def signing_keys(self) -> Sequence[StoredSigningKey]:
        found = await self._all(select(signing_keys).order_by(signing_keys.c.number))
        return [rows.signing_key_of(row) for row in found]

    async def add_signing_key(self, key: StoredSigningKey) -> bool:
        try:
            await self._insert(signing_keys, rows.signing_key_values(key))
        except exc.IntegrityError:
            return False
        return True

    # -- housekeeping

    async def sweep(self, now: datetime, limit: int) -> int:
        swept = 0
        for step in sweeping.STEPS:
            swept += await self._database.write(partial(step, now=now, limit=limit))
        return swept

    async def check(self) -> None:
        await self._first(select(literal_column("1")))
