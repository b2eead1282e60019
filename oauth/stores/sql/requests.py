"""The port Requests in SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Delete, Insert, delete, exc, insert, select, update

from oauth.database.timestamps import to_micros
from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol.models import AuthorizationCode, AuthorizationRequest, PushedRequest
from oauth.stores.sql import rows
from oauth.stores.sql.attempts import forget_attempts
from oauth.stores.sql.base import SqlPort, lock_enabled_client
from oauth.stores.sql.tables import authorization_codes, authorization_requests, clients, grants, pushed_requests


class SqlRequests(SqlPort):
    """See Requests."""

    async def push(self, request: PushedRequest) -> bool:
        return await self._add(insert(pushed_requests).values(rows.pushed_request_values(request)))

    async def get_pushed(self, digest: Digest, client_id: ClientId, now: datetime) -> PushedRequest | None:
        row = await self._first(
            select(pushed_requests).where(
                pushed_requests.c.digest == digest,
                pushed_requests.c.client_id == client_id,
                pushed_requests.c.expires_at > to_micros(now),
            )
        )
        return None if row is None else rows.pushed_request_of(row)

    async def add(self, request: AuthorizationRequest, pushed: Digest | None = None) -> bool:
        # The gate: of any number of requests one deletes the row.
        gate = None if pushed is None else delete(pushed_requests).where(pushed_requests.c.digest == pushed)
        return await self._add(insert(authorization_requests).values(rows.authorization_request_values(request)), gate)

    async def get(self, digest: Digest) -> AuthorizationRequest | None:
        row = await self._first(select(authorization_requests).where(authorization_requests.c.digest == digest))
        return None if row is None else rows.authorization_request_of(row)

    async def answer(
        self, digest: Digest, sealed_answer: bytes, code: AuthorizationCode | None, now: datetime
    ) -> AuthorizationRequest | None:
        claim = (
            update(authorization_requests)
            .where(authorization_requests.c.digest == digest, authorization_requests.c.decided_at.is_(None))
            .values(decided_at=to_micros(now), sealed_answer=sealed_answer)
        )

        def work(connection: Connection) -> rows.Row | None:
            if code is not None and not lock_enabled_client(connection, code.grant.client_id):
                return None
            # The gate: of two clicks on Allow one adds a code, the other is given the same answer.
            if connection.execute(claim).rowcount == 1 and code is not None:
                used = update(clients).where(clients.c.client_id == code.grant.client_id).values(expires_at=None)
                connection.execute(used)
                connection.execute(insert(grants).values(rows.grant_values(code.grant)))
                connection.execute(insert(authorization_codes).values(rows.authorization_code_values(code)))
            return connection.execute(
                select(authorization_requests).where(authorization_requests.c.digest == digest)
            ).one_or_none()

        row = await self._database.write(work)
        return None if row is None else rows.authorization_request_of(row)

    async def _add(self, addition: Insert, gate: Delete | None = None) -> bool:
        def work(connection: Connection) -> bool:
            if gate is not None and connection.execute(gate).rowcount == 0:
                return False
            connection.execute(addition)
            return True

        try:
            return await self._database.write(work)
        except exc.IntegrityError:  # the client was deleted meanwhile
            return False

    async def keep_progress(
        self, digest: Digest, sealed_progress: bytes | None, attempts: Sequence[Digest] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            set_progress(connection, digest, sealed_progress)
            forget_attempts(connection, attempts)

        await self._database.write(work)


def set_progress(connection: Connection, digest: Digest, sealed_progress: bytes | None) -> None:
    """Replace the progress of a sign-in."""
    mine = authorization_requests.c.digest == digest
    connection.execute(update(authorization_requests).where(mine).values(sealed_progress=sealed_progress))
