"""The users table, in the database of the authorization server."""

import asyncio
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import ColumnElement, Connection, exc, func, insert, or_, select, text, update

from mcp_auth.users import merge, phone
from mcp_auth.users.merge import Decision
from mcp_auth.users.models import AuthMethod, Identity, User
from mcp_auth.users.tables import users
from oauth.database.database import Database
from oauth.database.timestamps import from_micros, to_micros
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.vocabulary import Role, Subject

log = structlog.get_logger()

_ATTEMPTS = 5


class UserStore:
    """Reads and writes local users. Raises StoreUnavailable.

    region: the country of phone numbers that Supabase stores without a country code.

    A row belongs to a Supabase id. An email or phone only finds a provisioned row that is not linked yet."""

    def __init__(self, database: Database, region: str = "IN") -> None:
        self._database = database
        self._region = region
        self._locks: WeakValueDictionary[Subject, asyncio.Lock] = WeakValueDictionary()

    async def get(self, subject: Subject) -> User | None:
        """→ the row of a Supabase user, deleted or not; None without one."""
        return await self._get_one(users.c.supabase_id == subject)

    async def by_phone(self, number: str) -> User | None:
        """→ the row with this phone, in E.164; None without one."""
        return await self._get_one(users.c.phone == number)

    async def by_email(self, email: str) -> User | None:
        """→ the row with this email, in lower case; None without one."""
        return await self._get_one(users.c.email == email)

    async def get_or_create(self, identity: Identity, now: datetime) -> User:
        """→ the row of the identity, created or linked as merge.decide says. A new row is active, with the role `user`.

        Concurrent first requests of one person create one row, over any number of nodes."""
        if identity.phone is not None:
            identity = replace(identity, phone=phone.parse_confirmed(identity.phone, self._region))
        existing = await self.get(identity.supabase_id)
        if existing is not None and not merge.decide(identity, existing, None, None).writes:
            return existing
        # The lock limits the concurrent requests of one person to one connection. The database serializes the nodes.
        async with self._locks.setdefault(identity.supabase_id, asyncio.Lock()):
            for _ in range(_ATTEMPTS):
                try:
                    user, decision = await self._database.write(
                        lambda connection: _apply_decision(connection, identity, now)
                    )
                except exc.IntegrityError:
                    # Another transaction wrote one of the identifiers since the read: decide again.
                    continue
                if user is None:
                    continue
                if decision.conflicts:
                    log.warning("identifier_conflict", user_id=user.id, identifiers=decision.conflicts)
                return user
        raise StoreUnavailable("rows changed again and again")

    async def provision(self, email: str | None, number: str | None, role: Role, now: datetime) -> User:
        """→ a new row for a person who has not signed in yet. The first Supabase user with its verified phone or email
        gets the row, with its role.

        email: in lower case. number: in E.164. Raises IntegrityError if another row has the email or phone."""
        user_id = str(uuid.uuid4())
        values = {"id": user_id, "supabase_id": None, "email": email, "phone": number, "role": role.value}
        await self._database.write(lambda connection: _insert(connection, values, now))
        return User(user_id, None, email, number, role, is_active=True, created_at=now)

    async def find(self, text: str, limit: int) -> Sequence[User]:
        """→ users whose email or phone contains the text, or whose Supabase id equals it; oldest first."""
        if not text.isprintable():
            return []  # no identifier has such characters, and PostgreSQL rejects NUL and lone surrogates
        pattern = text.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        query = (
            select(users)
            .where(
                or_(
                    users.c.supabase_id == text,
                    func.lower(users.c.email).like(f"%{pattern}%", escape="\\"),
                    users.c.phone.like(f"%{pattern}%", escape="\\"),
                )
            )
            .order_by(users.c.created_at, users.c.id)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_to_user(row) for row in rows]

    async def count_by_role(self) -> dict[Role, int]:
        """→ the number of users of each role."""
        query = select(users.c.role, func.count()).group_by(users.c.role)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        counts = {Role(role): count for role, count in rows}
        return {role: counts.get(role, 0) for role in Role}

    async def set_role(self, subject: Subject, role: Role, now: datetime) -> bool:
        """→ whether there is such a user. The caller announces the change with a STANDING revocation."""
        return await self._update(subject, {"role": role.value}, now)

    async def set_active(self, subject: Subject, now: datetime, *, active: bool) -> bool:
        """→ whether there is such a user. After a deactivation, the caller ends the user's access."""
        return await self._update(subject, {"is_active": int(active)}, now)

    async def set_last_auth_method(self, subject: Subject, method: AuthMethod, now: datetime) -> bool:
        """→ whether there is such a user."""
        return await self._update(
            subject, {"last_auth_method": method.value, "last_auth_method_at": to_micros(now)}, now
        )

    async def anonymise(self, subject: Subject, now: datetime) -> bool:
        """Delete the personal data and keep the row. → whether there was a row that was not deleted yet."""
        values = {
            "email": None,
            "phone": None,
            "role": Role.USER.value,
            "is_active": 0,
            "last_auth_method": None,
            "last_auth_method_at": None,
            "deleted_at": to_micros(now),
        }
        return await self._update(subject, values, now)

    async def _update(self, subject: Subject, values: dict[str, Any], now: datetime) -> bool:
        statement = (
            update(users)
            .where(users.c.supabase_id == subject, users.c.deleted_at.is_(None))
            .values(updated_at=to_micros(now), **values)
        )
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def _get_one(self, condition: ColumnElement[bool]) -> User | None:
        return await self._database.read(lambda connection: _find(connection, condition))


def _find(connection: Connection, condition: ColumnElement[bool]) -> User | None:
    row = connection.execute(select(users).where(condition)).one_or_none()
    return None if row is None else _to_user(row)


def _apply_decision(connection: Connection, identity: Identity, now: datetime) -> tuple[User | None, Decision]:
    """Read the candidate rows, decide and write. → no user if the row changed between read and write."""
    if connection.dialect.name == "postgresql":
        # Serializes the first requests of one person across nodes. SQLite has a single writer, so it needs no lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _lock_key(identity.supabase_id)})
    is_linked = users.c.supabase_id == identity.supabase_id
    decision = merge.decide(
        identity,
        _find(connection, is_linked),
        _find(connection, users.c.phone == identity.phone) if identity.phone is not None else None,
        _find(connection, users.c.email == identity.email) if identity.email is not None else None,
    )
    if decision.row is None:
        values = {
            "id": str(uuid.uuid4()),
            "supabase_id": identity.supabase_id,
            "email": decision.email,
            "phone": decision.phone,
            "role": Role.USER.value,
        }
        _insert(connection, values, now)
    elif decision.writes:
        # Another transaction may have written since the read: overwrite nothing, and link a row only once.
        owner = users.c.supabase_id.is_(None) if decision.link else is_linked
        connection.execute(
            update(users)
            .where(users.c.id == decision.row.id, owner, users.c.deleted_at.is_(None))
            .values(
                supabase_id=identity.supabase_id,
                email=func.coalesce(users.c.email, decision.email),
                phone=func.coalesce(users.c.phone, decision.phone),
                updated_at=to_micros(now),
            )
        )
    return _find(connection, is_linked), decision


def _insert(connection: Connection, values: dict[str, Any], now: datetime) -> None:
    instant = to_micros(now)
    connection.execute(insert(users).values(is_active=1, created_at=instant, updated_at=instant, **values))


def _lock_key(subject: Subject) -> int:
    return int.from_bytes(hashlib.sha256(b"mcp-auth users " + subject.encode()).digest()[:8], signed=True)


def _to_user(row: Any) -> User:  # noqa: ANN401 - SQLAlchemy's row
    return User(
        id=row.id,
        supabase_id=row.supabase_id,
        email=row.email,
        phone=row.phone,
        role=Role(row.role),
        is_active=bool(row.is_active),
        created_at=from_micros(row.created_at),
        deleted_at=None if row.deleted_at is None else from_micros(row.deleted_at),
        last_auth_method=None if row.last_auth_method is None else AuthMethod(row.last_auth_method),
        last_auth_method_at=None if row.last_auth_method_at is None else from_micros(row.last_auth_method_at),
    )
