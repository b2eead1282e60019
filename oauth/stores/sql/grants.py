"""The port Grants in SQL. Redeeming and refreshing are the token path, written per driver."""

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select, update

from oauth.database.database import Database
from oauth.database.timestamps import to_micros
from oauth.foundation.vocabulary import ClientId, Digest, GrantId, Subject
from oauth.protocol.grant_types.decision import Issue, Refuse
from oauth.protocol.models import AuthorizationCode, Grant, Revocation
from oauth.stores.ports import DecideCode, DecideRefresh, Sighting
from oauth.stores.sql import rows
from oauth.stores.sql.base import SqlPort, lock_enabled_client
from oauth.stores.sql.tables import authorization_codes, grants, refresh_tokens, revocations, sign_in_sessions


class TokenPath(Protocol):
    """The two operations that are worth a driver's own code; see Grants."""

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        """See Grants."""
        ...

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        """See Grants."""
        ...


class SqlGrants(SqlPort):
    """See Grants."""

    def __init__(self, database: Database, token_path: TokenPath) -> None:
        super().__init__(database)
        self.redeem_code = token_path.redeem_code
        self.refresh = token_path.refresh

    async def authorization_code(self, digest: Digest) -> AuthorizationCode | None:
        row = await self._first(
            select(*authorization_codes.c, *grants.c)
            .join(grants, grants.c.grant_id == authorization_codes.c.grant_id)
            .where(authorization_codes.c.digest == digest)
        )
        if row is None:
            return None
        columns = len(authorization_codes.c)
        return rows.authorization_code_of(row[:columns], rows.grant_of(row[columns:]))

    async def of_refresh_token(self, digest: Digest) -> Grant | None:
        row = await self._first(
            select(*grants.c)
            .join(refresh_tokens, grants.c.grant_id == refresh_tokens.c.grant_id)
            .where(refresh_tokens.c.digest == digest)
        )
        return None if row is None else rows.grant_of(row)

    async def get(self, grant_id: GrantId) -> Grant | None:
        row = await self._first(select(grants).where(grants.c.grant_id == grant_id))
        return None if row is None else rows.grant_of(row)

    async def add(self, grant: Grant) -> bool:
        def work(connection: Connection) -> bool:
            if not lock_enabled_client(connection, grant.client_id):
                return False
            connection.execute(insert(grants).values(rows.grant_values(grant)))
            return True

        return await self._database.write(work)

    async def revoke(self, grant_id: GrantId, revocation: Revocation) -> None:
        def work(connection: Connection) -> None:
            ended = connection.execute(
                update(grants)
                .where(grants.c.grant_id == grant_id, grants.c.revoked_at.is_(None))
                .values(revoked_at=to_micros(revocation.recorded_at))
            )
            if ended.rowcount:
                connection.execute(insert(revocations).values(rows.revocation_values(revocation)))

        await self._database.write(work)

    async def revoke_subject(self, subject: Subject, revocation: Revocation) -> Sequence[GrantId]:
        def work(connection: Connection) -> list[GrantId]:
            ended = connection.execute(
                update(grants)
                .where(grants.c.subject == subject, grants.c.revoked_at.is_(None))
                .values(revoked_at=to_micros(revocation.recorded_at))
                .returning(grants.c.grant_id)
            )
            grant_ids = [GrantId(row[0]) for row in ended]
            connection.execute(delete(sign_in_sessions).where(sign_in_sessions.c.subject == subject))
            connection.execute(insert(revocations).values(rows.revocation_values(revocation)))
            return grant_ids

        return await self._database.write(work)

    async def subjects_with_access(self, subjects: Collection[Subject], now: datetime) -> Collection[Subject]:
        def work(connection: Connection) -> set[Subject]:
            instant = to_micros(now)
            live = select(grants.c.subject).where(
                grants.c.subject.in_(subjects), grants.c.revoked_at.is_(None), grants.c.expires_at > instant
            )
            signed_in = select(sign_in_sessions.c.subject).where(
                sign_in_sessions.c.subject.in_(subjects), sign_in_sessions.c.expires_at > instant
            )
            return {Subject(subject) for query in (live, signed_in) for subject in connection.execute(query).scalars()}

        return await self._database.read(work)

    async def mark_seen(self, sightings: Collection[Sighting], now: datetime) -> None:
        def work(connection: Connection) -> None:
            # In one order everywhere, so that two transactions never wait for each other.
            for sighting in sorted(sightings, key=attrgetter("grant_id", "generation")):
                connection.execute(
                    update(refresh_tokens)
                    .where(
                        refresh_tokens.c.grant_id == sighting.grant_id,
                        refresh_tokens.c.generation == sighting.generation,
                        refresh_tokens.c.seen_at.is_(None),
                    )
                    .values(seen_at=to_micros(now))
                )

        await self._database.write(work)
