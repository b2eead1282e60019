"""The Store on a Database. The token path has an implementation per driver; all else is written once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Protocol

from sqlalchemy import (
    Connection,
    case,
    delete,
    exc,
    insert,
    literal_column,
    select,
    update,
)

from oauth.grant_types.decision import Issue, Refuse
from oauth.models import (
    AuthorizationCode,
    AuthorizationRequest,
    Grant,
    PushedRequest,
    Revocation,
    SignInSession,
)
from oauth.stores import rows, sweeping
from oauth.stores.database import Database
from oauth.stores.instants import from_micros, to_micros
from oauth.stores.ports import Attempts, DecideCode, DecideRefresh, Sighting, StoredSigningKey
from oauth.stores.sql_clients import ClientsInSql
from oauth.stores.sql_flows import FlowsInSql
from oauth.stores.sql_part import UPSERTS
from oauth.stores.tables import (
    attempts,
    authorization_codes,
    authorization_requests,
    clients,
    grants,
    linked_subjects,
    pushed_requests,
    refresh_tokens,
    revocations,
    sign_in_sessions,
    signing_keys,
)
from oauth.vocabulary import ClientId, Digest, GrantId, Subject


class TokenPath(Protocol):
    """The two operations that are worth a driver's own code; see Store."""

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        """See Store."""
        ...

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        """See Store."""
        ...


class SqlStore(ClientsInSql, FlowsInSql):
    """See Store, of which this is the implementation for both databases."""

    def __init__(self, database: Database, token_path: TokenPath) -> None:
        super().__init__(database)
        self.redeem_code = token_path.redeem_code
        self.refresh = token_path.refresh

    # -- authorization requests

    async def add_pushed_request(self, request: PushedRequest) -> bool:
        return await self._insert_of_client(pushed_requests, rows.pushed_request_values(request))

    async def take_pushed_request(self, digest: Digest, client_id: ClientId, now: datetime) -> PushedRequest | None:
        # The gate: of any number of requests one deletes the row.
        taken = (
            delete(pushed_requests)
            .where(
                pushed_requests.c.digest == digest,
                pushed_requests.c.client_id == client_id,
                pushed_requests.c.expires_at > to_micros(now),
            )
            .returning(*pushed_requests.c)
        )
        row = await self._database.write(lambda connection: connection.execute(taken).one_or_none())
        return None if row is None else rows.pushed_request_of(row)

    async def add_authorization_request(self, request: AuthorizationRequest) -> bool:
        return await self._insert_of_client(authorization_requests, rows.authorization_request_values(request))

    async def authorization_request(self, digest: Digest) -> AuthorizationRequest | None:
        row = await self._first(select(authorization_requests).where(authorization_requests.c.digest == digest))
        return None if row is None else rows.authorization_request_of(row)

    async def answer_authorization_request(
        self, digest: Digest, sealed_answer: bytes, code: AuthorizationCode | None, now: datetime
    ) -> AuthorizationRequest | None:
        claim = (
            update(authorization_requests)
            .where(authorization_requests.c.digest == digest, authorization_requests.c.decided_at.is_(None))
            .values(decided_at=to_micros(now), sealed_answer=sealed_answer)
        )

        def work(connection: Connection) -> rows.Row | None:
            # The gate: of two clicks on Allow one adds a code, the other is given the same answer.
            if connection.execute(claim).rowcount == 1 and code is not None:
                used = update(clients).where(clients.c.client_id == code.grant.client_id).values(expires_at=None)
                connection.execute(used)
                connection.execute(insert(grants).values(rows.grant_values(code.grant)))
                connection.execute(insert(authorization_codes).values(rows.authorization_code_values(code)))
            return connection.execute(
                select(authorization_requests).where(authorization_requests.c.digest == digest)
            ).one_or_none()

        try:
            row = await self._database.write(work)
        except exc.IntegrityError:  # the client was deleted meanwhile
            return None
        return None if row is None else rows.authorization_request_of(row)

    async def keep_progress(self, digest: Digest, sealed_progress: bytes | None) -> None:
        statement = (
            update(authorization_requests)
            .where(authorization_requests.c.digest == digest)
            .values(sealed_progress=sealed_progress)
        )
        await self._database.write(lambda connection: connection.execute(statement))

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

    # -- grants and what ends them

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

    async def grant_of_refresh_token(self, digest: Digest) -> Grant | None:
        row = await self._first(
            select(*grants.c)
            .join(refresh_tokens, grants.c.grant_id == refresh_tokens.c.grant_id)
            .where(refresh_tokens.c.digest == digest)
        )
        return None if row is None else rows.grant_of(row)

    async def grant(self, grant_id: GrantId) -> Grant | None:
        row = await self._first(select(grants).where(grants.c.grant_id == grant_id))
        return None if row is None else rows.grant_of(row)

    async def add_grant(self, grant: Grant) -> bool:
        def work(connection: Connection) -> bool:
            # Locked, so that who switches it off meanwhile sees this grant too.
            enabled = (
                select(clients.c.client_id)
                .where(clients.c.client_id == grant.client_id, clients.c.disabled_at.is_(None))
                .with_for_update()
            )
            if connection.execute(enabled).first() is None:
                return False
            connection.execute(insert(grants).values(rows.grant_values(grant)))
            return True

        return await self._database.write(work)

    async def link_subject(self, issuer: str, issuer_subject: str, subject: Subject, now: datetime) -> None:
        values = {
            "issuer": issuer,
            "issuer_subject": issuer_subject,
            "subject": subject,
            "created_at": to_micros(now),
        }

        def work(connection: Connection) -> None:
            upsert = UPSERTS[connection.dialect.name](linked_subjects).values(values)
            keys = [linked_subjects.c.issuer, linked_subjects.c.issuer_subject]
            connection.execute(upsert.on_conflict_do_update(index_elements=keys, set_=values))

        await self._database.write(work)

    async def unlink_subject(self, issuer: str, issuer_subject: str) -> bool:
        gone = delete(linked_subjects).where(
            linked_subjects.c.issuer == issuer, linked_subjects.c.issuer_subject == issuer_subject
        )
        return await self._database.write(lambda connection: connection.execute(gone).rowcount == 1)

    async def unlink_person(self, subject: Subject) -> None:
        gone = delete(linked_subjects).where(linked_subjects.c.subject == subject)
        await self._database.write(lambda connection: connection.execute(gone))

    async def linked_subject(self, issuer: str, issuer_subject: str) -> Subject | None:
        row = await self._first(
            select(linked_subjects.c.subject).where(
                linked_subjects.c.issuer == issuer, linked_subjects.c.issuer_subject == issuer_subject
            )
        )
        return None if row is None else Subject(row[0])

    async def revoke_grant(self, grant_id: GrantId, revocation: Revocation) -> None:
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

    async def add_revocation(self, revocation: Revocation) -> None:
        await self._insert(revocations, rows.revocation_values(revocation))

    async def revocations(self, recorded_after: datetime, now: datetime) -> Sequence[Revocation]:
        query = select(revocations).where(
            revocations.c.recorded_at > to_micros(recorded_after), revocations.c.expires_at > to_micros(now)
        )
        return [rows.revocation_of(row) for row in await self._all(query)]

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

    # -- sign-in sessions

    async def add_sign_in_session(self, session: SignInSession) -> None:
        await self._insert(sign_in_sessions, rows.sign_in_session_values(session))

    async def sign_in_session(self, digest: Digest) -> SignInSession | None:
        row = await self._first(select(sign_in_sessions).where(sign_in_sessions.c.digest == digest))
        return None if row is None else rows.sign_in_session_of(row)

    async def remove_sign_in_session(self, digest: Digest) -> None:
        await self._database.write(
            lambda connection: connection.execute(delete(sign_in_sessions).where(sign_in_sessions.c.digest == digest))
        )

    # -- keys

    async def signing_keys(self) -> Sequence[StoredSigningKey]:
        found = await self._all(select(signing_keys).order_by(signing_keys.c.number))
        return [
            StoredSigningKey(number, kid, algorithm, jwk, sealed, from_micros(created_at), from_micros(signs_from))
            for number, kid, algorithm, jwk, sealed, created_at, signs_from in found
        ]

    async def add_signing_key(self, key: StoredSigningKey) -> bool:
        values = {
            "number": key.number,
            "kid": key.kid,
            "algorithm": key.algorithm,
            "public_jwk": key.public_jwk,
            "sealed_private_key": key.sealed_private_key,
            "created_at": to_micros(key.created_at),
            "signs_from": to_micros(key.signs_from),
        }

        try:
            await self._insert(signing_keys, values)
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
