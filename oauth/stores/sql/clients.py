"""The port Clients in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Case, Connection, Exists, case, delete, exists, func, insert, select, update

from oauth.database.timestamps import to_micros
from oauth.database.upsert import UPSERTS
from oauth.foundation.vocabulary import ClientId, Digest, GrantId
from oauth.protocol.models import Client, Registration, Revocation, RevocationKind
from oauth.stores.sql import rows
from oauth.stores.sql.base import SqlPort
from oauth.stores.sql.sweeping import KEEP_USED_CLIENTS
from oauth.stores.sql.tables import clients, grants, revocations

# What a client says of itself, and what follows from it; not what has become of it here.
_REGISTERED = (
    "name",
    "redirect_uris",
    "authentication_method",
    "secret_digest",
    "former_secret_digest",
    "grant_types",
    "scope",
    "registered_as",
    "requires_pushed_requests",
    "dpop_bound",
)

# Of several that came in the same moment, so many are made up for at a time.
_MOST_EVICTED = 100

_PUBLISHED = (
    "name",
    "redirect_uris",
    "authentication_method",
    "grant_types",
    "scope",
    "jwks",
    "jwks_uri",
    "fresh_until",
    "dpop_bound",
    "requires_pushed_requests",
)


class SqlClients(SqlPort):
    """See Clients."""

    async def get(self, client_id: ClientId) -> Client | None:
        row = await self._first(select(clients).where(clients.c.client_id == client_id))
        return None if row is None else rows.client_of(row)

    async def put(self, client: Client) -> None:
        values = rows.client_values(client)

        def work(connection: Connection) -> None:
            upsert = UPSERTS[connection.dialect.name](clients).values(values)
            connection.execute(upsert.on_conflict_do_update(index_elements=[clients.c.client_id], set_=values))

        await self._database.write(work)

    async def register(self, client: Client, most_unused: int, evict_before: datetime) -> Client | None:
        # Counted beside the writer, which has others to serve: whoever comes in the same moment is one too many, and
        # makes room for as many the next time.
        too_many = await self._database.read(lambda connection: _unused(connection, most_unused)) - most_unused + 1

        def work(connection: Connection) -> rows.Row | None:
            if too_many > 0 and not _evict(connection, client, to_micros(evict_before), too_many):
                return None
            added = UPSERTS[connection.dialect.name](clients).values(rows.client_values(client))
            connection.execute(added.on_conflict_do_nothing())
            mine = clients.c.client_id == client.client_id
            if client.registered_as is not None:
                mine |= clients.c.registered_as == client.registered_as
            return connection.execute(select(clients).where(mine)).one()

        row = await self._database.write(work)
        return None if row is None else rows.client_of(row)

    async def renew_registration(self, registered_as: Digest, expires_at: datetime) -> Client | None:
        the_same = clients.c.registered_as == registered_as
        # Most come for the first time: that is seen beside the writer.
        if await self._first(select(clients.c.client_id).where(the_same)) is None:
            return None
        renewed = (
            update(clients)
            .where(the_same)
            .values(expires_at=_put_off(to_micros(expires_at)), registration_token_digest=None)
            .returning(*clients.c)
        )
        row = await self._database.write(lambda connection: connection.execute(renewed).one_or_none())
        return None if row is None else rows.client_of(row)

    async def renew_published(self, client: Client) -> Client | None:
        values = rows.client_values(client)
        renewed = (
            update(clients)
            .where(clients.c.client_id == client.client_id)
            .values({**{name: values[name] for name in _PUBLISHED}, "expires_at": _put_off(values["expires_at"])})
            .returning(*clients.c)
        )
        row = await self._database.write(lambda connection: connection.execute(renewed).one_or_none())
        return None if row is None else rows.client_of(row)

    async def renew_keys(self, client_id: ClientId, jwks_uri: str, jwks: str) -> None:
        published_there = (clients.c.client_id == client_id) & (clients.c.jwks_uri == jwks_uri)
        renewed = update(clients).where(published_there).values(jwks=jwks)
        await self._database.write(lambda connection: connection.execute(renewed))

    async def change_registration(self, client: Client, registration_token: Digest) -> bool:
        values = rows.client_values(client)
        changed = (
            update(clients)
            .where(
                clients.c.client_id == client.client_id,
                clients.c.registration_token_digest == registration_token,
                clients.c.disabled_at.is_(None),
            )
            .values({name: values[name] for name in _REGISTERED})
        )
        return await self._database.write(lambda connection: connection.execute(changed).rowcount == 1)

    async def newest(self, limit: int) -> Sequence[Client]:
        query = select(clients).order_by(clients.c.created_at.desc(), clients.c.client_id).limit(limit)
        return [rows.client_of(row) for row in await self._all(query)]

    async def list_configured(self) -> Sequence[Client]:
        return [rows.client_of(row) for row in await self._all(select(clients).where(clients.c.is_configured == 1))]

    async def end(
        self, client_id: ClientId, now: datetime, news_until: datetime, *, remove: bool = False
    ) -> Sequence[GrantId]:
        mine, its_grants = clients.c.client_id == client_id, grants.c.client_id == client_id
        # The row of the client first, which is locked from here on: nobody gives it another grant meanwhile (D-19).
        first = (
            select(clients.c.client_id).where(mine).with_for_update()
            if remove
            else update(clients)
            .where(mine)
            .values(disabled_at=func.coalesce(clients.c.disabled_at, to_micros(now)), expires_at=None)
        )

        def work(connection: Connection) -> list[GrantId]:
            connection.execute(first)
            ended = connection.execute(
                update(grants)
                .where(its_grants, grants.c.revoked_at.is_(None))
                .values(revoked_at=to_micros(now))
                .returning(grants.c.grant_id)
            )
            grant_ids = [GrantId(row[0]) for row in ended]
            for grant_id in grant_ids:
                news = Revocation(RevocationKind.GRANT, grant_id, now, news_until)
                connection.execute(insert(revocations).values(rows.revocation_values(news)))
            if remove:
                connection.execute(delete(grants).where(its_grants))
                connection.execute(delete(clients).where(mine))
            return grant_ids

        return await self._database.write(work)

    async def enable(self, client_id: ClientId, now: datetime) -> bool:
        expires = (clients.c.registration != Registration.PREREGISTERED.value) & ~_has_grant()
        enabled = (
            update(clients)
            .where(clients.c.client_id == client_id, clients.c.disabled_at.is_not(None))
            .values(disabled_at=None, expires_at=case((expires, to_micros(now + KEEP_USED_CLIENTS)), else_=None))
        )
        return await self._database.write(lambda connection: connection.execute(enabled).rowcount == 1)

    async def rotate_secret(self, client_id: ClientId, secret: Digest) -> Client | None:
        return await self._change(client_id, secret_digest=secret, former_secret_digest=clients.c.secret_digest)

    async def end_former_secret(self, client_id: ClientId) -> Client | None:
        return await self._change(client_id, former_secret_digest=None)

    async def _change(self, client_id: ClientId, **values: object) -> Client | None:
        changed = update(clients).where(clients.c.client_id == client_id).values(values).returning(*clients.c)
        row = await self._database.write(lambda connection: connection.execute(changed).one_or_none())
        return None if row is None else rows.client_of(row)


def _has_grant() -> Exists:
    return exists().where(grants.c.client_id == clients.c.client_id)


def _put_off(expires_at: int | None) -> Case[Any]:
    """Until then, for a client that is without a grant; one that is in use does not begin to expire."""
    return case((clients.c.expires_at.is_not(None), expires_at), else_=None)


def _unused(connection: Connection, most: int) -> int:
    """How many clients are without a grant; what is far beyond the bound is not counted."""
    some = select(clients.c.expires_at).where(clients.c.expires_at.is_not(None)).limit(most + _MOST_EVICTED).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def _evict(connection: Connection, newcomer: Client, evict_before: int, count: int) -> bool:
    """Let go of those that would expire next, down the index of expires_at. → whether any had to.

    Spared is what expires between one that was registered at evict_before and the newcomer: somebody has asked for it
    since. What expires later has had a grant, and goes when there is nothing else."""
    expires_at = to_micros(newcomer.expires_at or newcomer.created_at)
    spared_from = evict_before + expires_at - to_micros(newcomer.created_at)
    for unused in (clients.c.expires_at < spared_from, clients.c.expires_at > expires_at):
        next_ones = select(clients.c.client_id).where(unused, ~_has_grant()).order_by(clients.c.expires_at).limit(count)
        # Asked twice: somebody may have agreed to it while we waited for its row.
        evicted = delete(clients).where(clients.c.client_id.in_(next_ones), unused)
        if connection.execute(evicted).rowcount > 0:
            return True
    return False
