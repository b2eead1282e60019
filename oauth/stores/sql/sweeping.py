"""Forgetting what has expired: small deletions, each a transaction of its own, driven by indexes alone."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, exists, func, select, update

from oauth.database.timestamps import to_micros
from oauth.protocol.models import Registration
from oauth.stores.sql.tables import (
    attempts,
    authorization_codes,
    authorization_requests,
    clients,
    flow_steps,
    grants,
    pushed_requests,
    refresh_tokens,
    revocations,
    sign_in_sessions,
)

# So long can a page that lies about be told to start again rather than be unknown.
_KEEP_REQUESTS = timedelta(days=1)
# So long is a replayed code known for what it is.
_KEEP_CODES = timedelta(days=30)
_KEEP_REVOKED_GRANTS = timedelta(days=1)
# So long may a client whose last grant has gone come back with its old id.
KEEP_USED_CLIENTS = timedelta(days=30)
MOST_FLOW_STEPS = 1_000_000


def _requests(connection: Connection, now: datetime, limit: int) -> int:
    overdue = authorization_requests.c.expires_at < to_micros(now - _KEEP_REQUESTS)
    return len(_delete(connection, authorization_requests, authorization_requests.c.digest, overdue, limit))


def _pushed_requests(connection: Connection, now: datetime, limit: int) -> int:
    overdue = pushed_requests.c.expires_at < to_micros(now)
    return len(_delete(connection, pushed_requests, pushed_requests.c.digest, overdue, limit))


def _sessions(connection: Connection, now: datetime, limit: int) -> int:
    overdue = sign_in_sessions.c.expires_at < to_micros(now)
    return len(_delete(connection, sign_in_sessions, sign_in_sessions.c.digest, overdue, limit))


def _attempts(connection: Connection, now: datetime, limit: int) -> int:
    return len(_delete(connection, attempts, attempts.c.key, attempts.c.expires_at < to_micros(now), limit))


def _revocations(connection: Connection, now: datetime, limit: int) -> int:
    overdue = revocations.c.expires_at < to_micros(now)
    return len(_delete(connection, revocations, revocations.c.number, overdue, limit))


def _flow_steps(connection: Connection, now: datetime, limit: int) -> int:
    number = flow_steps.c.number
    gone = len(_delete(connection, flow_steps, number, flow_steps.c.expires_at < to_micros(now), limit))
    # Ours (STD-133): a flood ends the oldest stories, rather than the disk.
    last = select(func.max(number)).scalar_subquery()
    return gone + len(_delete(connection, flow_steps, number, number <= last - MOST_FLOW_STEPS, limit - gone))


def _refresh_tokens(connection: Connection, now: datetime, limit: int) -> int:
    overdue = refresh_tokens.c.expires_at < to_micros(now)
    gone = _delete(connection, refresh_tokens, refresh_tokens.c.digest, overdue, limit, refresh_tokens.c.grant_id)
    _end_grants(connection, grants.c.grant_id.in_(set(gone)) & ~_refreshable(), now)
    return len(gone)


def _codes(connection: Connection, now: datetime, limit: int) -> int:
    overdue = authorization_codes.c.expires_at < to_micros(now - _KEEP_CODES)
    gone = _delete(
        connection, authorization_codes, authorization_codes.c.digest, overdue, limit, authorization_codes.c.grant_id
    )
    _end_grants(connection, grants.c.grant_id.in_(gone) & ~_refreshable(), now)
    return len(gone)


def _grants(connection: Connection, now: datetime, limit: int) -> int:
    over = (grants.c.expires_at < to_micros(now)) | (grants.c.revoked_at < to_micros(now - _KEEP_REVOKED_GRANTS))
    return _end_grants(connection, grants.c.grant_id.in_(select(grants.c.grant_id).where(over).limit(limit)), now)


def _clients(connection: Connection, now: datetime, limit: int) -> int:
    # D-19: a client with a live grant is never deleted; the foreign key of grants sees to that as well.
    unused = (
        (clients.c.expires_at < to_micros(now))
        & (clients.c.registration != Registration.PREREGISTERED.value)
        & ~exists().where(grants.c.client_id == clients.c.client_id)
    )
    return len(_delete(connection, clients, clients.c.client_id, unused, limit))


STEPS = (
    _requests,
    _pushed_requests,
    _sessions,
    _attempts,
    _revocations,
    _flow_steps,
    _refresh_tokens,
    _codes,
    _grants,
    _clients,
)


def _refreshable() -> ColumnElement[bool]:
    return exists().where(refresh_tokens.c.grant_id == grants.c.grant_id)


def _end_grants(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    """Delete grants with all that belongs to them; an enabled client that has none left starts to expire."""
    client_ids = [row[0] for row in connection.execute(delete(grants).where(which).returning(grants.c.client_id))]
    if client_ids:
        connection.execute(
            update(clients)
            .where(
                clients.c.client_id.in_(set(client_ids)),
                clients.c.registration != Registration.PREREGISTERED.value,
                clients.c.disabled_at.is_(None),
                ~exists().where(grants.c.client_id == clients.c.client_id),
            )
            .values(expires_at=to_micros(now + KEEP_USED_CLIENTS))
        )
    return len(client_ids)


def _delete(
    connection: Connection,
    table: Table,
    key: Column[Any],
    overdue: ColumnElement[bool],
    limit: int,
    returning: Column[Any] | None = None,
) -> list[Any]:
    """Delete at most `limit` overdue rows. → a column of each."""
    some = select(key).where(overdue).limit(limit)
    # Overdue is asked twice: a row that another transaction renewed while we waited for it stays.
    which = key.in_(some) & overdue
    gone = connection.execute(delete(table).where(which).returning(key if returning is None else returning))
    return [row[0] for row in gone]
