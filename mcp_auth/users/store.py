"""The users table, on the database that the authorization server shares with us."""

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
    """Rows by Supabase id. An email or phone finds a row that waits for its person, and otherwise decides nothing.

    region: the country of phone numbers that Supabase has without a country code."""

    def __init__(self, database: Database, region: str = "IN") -> None:
        self._database = database
        self._region = region
        self._settling: WeakValueDictionary[Subject, asyncio.Lock] = WeakValueDictionary()

    async def get(self, subject: Subject) -> User | None:
        """The row of a Supabase user, deleted or not."""
        return await self._one(users.c.supabase_id == subject)

    async def by_phone(self, number: str) -> User | None:
        """The row that has a number, in E.164."""
        return await self._one(users.c.phone == number)

    async def by_email(self, email: str) -> User | None:
        """The row that has an email address, in lower case."""
        return await self._one(users.c.email == email)

    async def get_or_create(self, identity: Identity, now: datetime) -> User:
        """The row of this identity, as merge.decide says; a new one begins as an active user (SEED-32).

        First requests of one person at once make one row, over any number of nodes."""
        if identity.phone is not None:
            identity = replace(identity, phone=phone.parse_confirmed(identity.phone, self._region))
        found = await self.get(identity.supabase_id)
        if found is not None and not merge.decide(identity, found, None, None).writes:
            return found
        # One at a time here, so that a crowd takes one connection; over all nodes the database sees to it.
        async with self._settling.setdefault(identity.supabase_id, asyncio.Lock()):
            for _ in range(_ATTEMPTS):
                try:
                    user, decision = await self._database.write(lambda connection: _settle(connection, identity, now))
                except exc.IntegrityError:
                    # Somebody else wrote an identifier in between: what they wrote counts, so read again.
                    continue
                if user is None:
                    continue
                if decision.conflicts:
                    log.warning("identifier_conflict", user_id=user.id, identifiers=decision.conflicts)
                return user
        raise StoreUnavailable("rows changed again and again")

    async def provision(self, email: str | None, number: str | None, role: Role, now: datetime) -> User:
        """A row for somebody who has not signed in yet; whoever proves its phone or email gets it, role included.

        email: in lower case. number: in E.164. IntegrityError when a row has one of them already."""
        user_id = str(uuid.uuid4())
        values = {"id": user_id, "supabase_id": None, "email": email, "phone": number, "role": role.value}
        await self._database.write(lambda connection: _insert(connection, values, now))
        return User(user_id, None, email, number, role, is_active=True, created_at=now)

    async def find(self, text: str, limit: int) -> Sequence[User]:
        """Users whose email or phone contains the text, or whose id it is; oldest first."""
        if not text.isprintable():
            return []  # no identifier is like that, and PostgreSQL refuses NUL and halves of a character
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
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [_user_of(row) for row in found]

    async def count_by_role(self) -> dict[Role, int]:
        """How many users there are of each role."""
        query = select(users.c.role, func.count()).group_by(users.c.role)
        found = await self._database.read(lambda connection: connection.execute(query).all())
        counts = {Role(role): count for role, count in found}
        return {role: counts.get(role, 0) for role in Role}

    async def set_role(self, subject: Subject, role: Role, now: datetime) -> bool:
        """→ whether there is such a user. Tell the nodes with a STANDING revocation."""
        return await self._update(subject, {"role": role.value}, now)

    async def set_active(self, subject: Subject, now: datetime, *, active: bool) -> bool:
        """→ whether there is such a user. After deactivating, end the user's access."""
        return await self._update(subject, {"is_active": int(active)}, now)

    async def set_last_auth_method(self, subject: Subject, method: AuthMethod, now: datetime) -> bool:
        """→ whether there is such a user (SEED-23)."""
        return await self._update(
            subject, {"last_auth_method": method.value, "last_auth_method_at": to_micros(now)}, now
        )

    async def anonymise(self, subject: Subject, now: datetime) -> bool:
        """Delete what is personal and keep an empty row (SEED-22). → whether there was something to delete."""
        gone = {
            "email": None,
            "phone": None,
            "role": Role.USER.value,
            "is_active": 0,
            "last_auth_method": None,
            "last_auth_method_at": None,
            "deleted_at": to_micros(now),
        }
        return await self._update(subject, gone, now)

    async def _update(self, subject: Subject, values: dict[str, Any], now: datetime) -> bool:
        statement = (
            update(users)
            .where(users.c.supabase_id == subject, users.c.deleted_at.is_(None))
            .values(updated_at=to_micros(now), **values)
        )
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def _one(self, condition: ColumnElement[bool]) -> User | None:
        return await self._database.read(lambda connection: _find(connection, condition))


def _find(connection: Connection, condition: ColumnElement[bool]) -> User | None:
    row = connection.execute(select(users).where(condition)).one_or_none()
    return None if row is None else _user_of(row)


def _settle(connection: Connection, identity: Identity, now: datetime) -> tuple[User | None, Decision]:
    """Look, decide, write. → no user when a row that was decided on has changed meanwhile."""
    if connection.dialect.name == "postgresql":
        # SQLite has one writer anyway. Here the first requests of one person wait for each other on all nodes.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _lock_key(identity.supabase_id)})
    mine = users.c.supabase_id == identity.supabase_id
    decision = merge.decide(
        identity,
        _find(connection, mine),
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
        # Others may have written since we looked: nothing is overwritten, and a row is linked once.
        owner = users.c.supabase_id.is_(None) if decision.link else mine
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
    return _find(connection, mine), decision


def _insert(connection: Connection, values: dict[str, Any], now: datetime) -> None:
    instant = to_micros(now)
    connection.execute(insert(users).values(is_active=1, created_at=instant, updated_at=instant, **values))


def _lock_key(subject: Subject) -> int:
    return int.from_bytes(hashlib.sha256(b"mcp-auth users " + subject.encode()).digest()[:8], signed=True)


def _user_of(row: Any) -> User:  # noqa: ANN401 - SQLAlchemy's row
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
