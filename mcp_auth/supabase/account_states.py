"""What Supabase last said of a person, shared by all nodes. Instants are microseconds since 1970."""

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
    """Whether Supabase still has the person."""

    ACTIVE = "active"
    BANNED = "banned"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class AccountState:
    """A state, and when it was true. has_factor: whether a second factor is enrolled; None: nothing was said of it."""

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
    # For the rounds: whoever was asked about longest ago.
    Index(None, "state", "checked_at"),
)


def state_of(user: Mapping[str, Any] | None, now: datetime) -> State:
    """What the user object says; None where there is none."""
    if user is None or user.get("deleted_at"):
        return State.DELETED
    return State.BANNED if _is_later(user.get("banned_until"), now) else State.ACTIVE


def _is_later(instant: object, now: datetime) -> bool:
    try:
        return isinstance(instant, str) and datetime.fromisoformat(instant) > now
    except (ValueError, TypeError):
        return True  # somebody is banned until a time that cannot be read


def put_state(connection: Connection, subject: Subject, known: AccountState) -> None:
    """Replace what is known of a person, unless that is newer."""
    values: dict[str, str | int] = {"state": known.state.value, "checked_at": to_micros(known.checked_at)}
    if known.has_factor is not None:
        values["has_factor"] = int(known.has_factor)
    upsert = UPSERTS[connection.dialect.name](supabase_states).values(supabase_id=subject, **values)
    older = supabase_states.c.checked_at <= values["checked_at"]
    connection.execute(upsert.on_conflict_do_update(index_elements=["supabase_id"], set_=values, where=older))


class AccountStates:
    """A row a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, subject: Subject) -> AccountState | None:
        """What is known, if anything."""
        query = select(supabase_states).where(supabase_states.c.supabase_id == subject)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return (
            None if row is None else AccountState(State(row.state), from_micros(row.checked_at), bool(row.has_factor))
        )

    async def put(self, subject: Subject, known: AccountState) -> None:
        """Replace what is known, unless that is newer."""
        await self._database.write(lambda connection: put_state(connection, subject, known))

    async def overdue(self, before: datetime, limit: int) -> Sequence[Subject]:
        """Active people who were last asked about before an instant, longest ago first."""
        query = (
            select(supabase_states.c.supabase_id)
            .where(supabase_states.c.state == State.ACTIVE.value, supabase_states.c.checked_at < to_micros(before))
            .order_by(supabase_states.c.checked_at)
            .limit(limit)
        )
        found = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return [Subject(subject) for subject in found]

    async def forget(self, subject: Subject) -> None:
        """Nothing is known of the person any more; somebody whose access was ended stays known."""
        active = (supabase_states.c.supabase_id == subject, supabase_states.c.state == State.ACTIVE.value)
        await self._database.write(lambda connection: connection.execute(delete(supabase_states).where(*active)))
