"""The users table, on the database that the authorization server shares with us."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exc, func, insert, or_, select, update

from mcp_auth.users.models import Identity, User
from mcp_auth.users.tables import users
from oauth.stores.database import Database
from oauth.stores.instants import from_micros, to_micros
from oauth.vocabulary import Role, Subject


class UserStore:
    """Rows by Supabase id; email and phone are looked at for people's sake, never to decide who somebody is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, subject: Subject) -> User | None:
        """The row of a Supabase user."""
        return await self._database.read(lambda connection: _find(connection, subject))

    async def get_or_create(self, identity: Identity, now: datetime) -> User:
        """The row of this identity; a new one begins as an active user.

        Missing identifiers are filled in, none is overwritten, and none that another row has is taken (SEED-32).
        Two first requests of one person at once make one row."""
        found = await self.get(identity.supabase_id)
        if found is not None and (found.email or not identity.email) and (found.phone or not identity.phone):
            return found
        try:
            return await self._database.write(lambda connection: _upsert(connection, identity, now))
        except exc.IntegrityError:
            # Another node wrote the same person, or took an identifier, in between: what it wrote counts.
            return await self._database.write(lambda connection: _upsert(connection, identity, now))

    async def find(self, text: str, limit: int) -> Sequence[User]:
        """Users whose email or phone contains the text, or whose id it is; oldest first."""
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
        return await self._update(subject, {"role": role.value, "updated_at": to_micros(now)})

    async def set_active(self, subject: Subject, now: datetime, *, active: bool) -> bool:
        """→ whether there is such a user. Deactivating also needs `Store.revoke_subject`."""
        return await self._update(subject, {"is_active": int(active), "updated_at": to_micros(now)})

    async def _update(self, subject: Subject, values: dict[str, Any]) -> bool:
        statement = update(users).where(users.c.supabase_id == subject).values(values)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)


def _find(connection: Connection, subject: Subject) -> User | None:
    row = connection.execute(select(users).where(users.c.supabase_id == subject)).one_or_none()
    return None if row is None else _user_of(row)


def _upsert(connection: Connection, identity: Identity, now: datetime) -> User:
    found = _find(connection, identity.supabase_id)
    email = found.email if found is not None and found.email else _unless_taken(connection, "email", identity)
    phone = found.phone if found is not None and found.phone else _unless_taken(connection, "phone", identity)
    if found is None:
        connection.execute(
            insert(users).values(
                id=str(uuid.uuid4()),
                supabase_id=identity.supabase_id,
                email=email,
                phone=phone,
                role=Role.USER.value,
                is_active=1,
                created_at=to_micros(now),
                updated_at=to_micros(now),
            )
        )
    elif (email, phone) != (found.email, found.phone):
        connection.execute(
            update(users)
            .where(users.c.supabase_id == identity.supabase_id)
            .values(email=email, phone=phone, updated_at=to_micros(now))
        )
    row = connection.execute(select(users).where(users.c.supabase_id == identity.supabase_id)).one()
    return _user_of(row)


def _unless_taken(connection: Connection, name: str, identity: Identity) -> str | None:
    value: str | None = getattr(identity, name)
    if value is None:
        return None
    owner = connection.execute(select(users.c.supabase_id).where(users.c[name] == value)).scalar_one_or_none()
    return value if owner in {None, identity.supabase_id} else None


def _user_of(row: Any) -> User:  # noqa: ANN401 - SQLAlchemy's row
    user_id, supabase_id, email, phone, role, is_active, created_at, _ = row
    return User(user_id, supabase_id, email, phone, Role(role), bool(is_active), from_micros(created_at))
