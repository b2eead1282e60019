"""The last known state of each account at Supabase, shared by all nodes. Instants are microseconds since 1970."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    delete,
    select,
)

from mcp_auth.users.tables import metadata
from oauth.database.database import Database
from oauth.database.timestamps import from_micros, to_micros
from oauth.database.upsert import UPSERTS
from oauth.foundation.vocabulary import Subject


class State(StrEnum):
    """The state of an account at Supabase."""

    ACTIVE = "active"
    BANNED = "banned"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class AccountState:
    """The state of an account at one time.

    state: active, banned or deleted.
    checked_at: aware UTC; when Supabase was asked, or reported the state.
    has_factor: a second factor is enrolled; None if Supabase's answer did not tell."""

    state: State
    checked_at: datetime
    has_factor: bool | None = None


supabase_states = Table(
    "supabase_states",
    metadata,
    Column("supabase_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("checked_at", BigInteger, nullable=False),
    Column("has_factor", Integer, nullable=False, server_default="0"),
    CheckConstraint("state IN ('active', 'banned', 'deleted')", name="state"),
    # For `overdue`: the accounts that were checked longest ago.
    Index(None, "state", "checked_at"),
)


def state_of(user: Mapping[str, Any] | None, now: datetime) -> State:
    """→ the state that Supabase's user object describes. user: None if Supabase has no such user."""
    if user is None or user.get("deleted_at"):
        return State.DELETED
    return State.BANNED if _is_later(user.get("banned_until"), now) else State.ACTIVE


def _is_later(instant: object, now: datetime) -> bool:
    try:
        return isinstance(instant, str) and datetime.fromisoformat(instant) > now
    except (ValueError, TypeError):
        return True  # a value that cannot be parsed still means a ban


def put_state(connection: Connection, subject: Subject, account: AccountState) -> None:
    """Store a state, unless the stored one is newer."""
    values: dict[str, str | int] = {"state": account.state.value, "checked_at": to_micros(account.checked_at)}
    if account.has_factor is not None:
        values["has_factor"] = int(account.has_factor)
    upsert = UPSERTS[connection.dialect.name](supabase_states).values(supabase_id=subject, **values)
    is_older = supabase_states.c.checked_at <= values["checked_at"]
    connection.execute(upsert.on_conflict_do_update(index_elements=["supabase_id"], set_=values, where=is_older))


class AccountStates:
    """The table of account states, one row per person. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, subject: Subject) -> AccountState | None:
        """→ the stored state; None without one."""
        query = select(supabase_states).where(supabase_states.c.supabase_id == subject)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return (
            None if row is None else AccountState(State(row.state), from_micros(row.checked_at), bool(row.has_factor))
        )

    async def put(self, subject: Subject, account: AccountState) -> None:
        """Store a state, unless the stored one is newer."""
        await self._database.write(lambda connection: put_state(connection, subject, account))

    async def overdue(self, before: datetime, limit: int) -> Sequence[Subject]:
        """→ the active people whose state was last checked before an instant, oldest check first."""
        query = (
            select(supabase_states.c.supabase_id)
            .where(supabase_states.c.state == State.ACTIVE.value, supabase_states.c.checked_at < to_micros(before))
            .order_by(supabase_states.c.checked_at)
            .limit(limit)
        )
        subjects = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return [Subject(subject) for subject in subjects]

    async def forget(self, subject: Subject) -> None:
        """Delete the state of a person, if it is active. A ban or deletion stays known."""
        is_active = (supabase_states.c.supabase_id == subject, supabase_states.c.state == State.ACTIVE.value)
        await self._database.write(lambda connection: connection.execute(delete(supabase_states).where(*is_active)))
