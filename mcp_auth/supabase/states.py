"""What Supabase last said of a person, shared by all nodes. Instants are microseconds since 1970."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Table, Text, insert, select, update
from sqlalchemy.exc import IntegrityError

from mcp_auth.users.tables import metadata
from oauth.stores.database import Database
from oauth.stores.instants import from_micros, to_micros
from oauth.vocabulary import Subject


class State(StrEnum):
    """Whether Supabase still has the person."""

    ACTIVE = "active"
    BANNED = "banned"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Known:
    """A state, and when it was true."""

    state: State
    checked_at: datetime


supabase_states = Table(
    "supabase_states",
    metadata,
    Column("supabase_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("checked_at", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'banned', 'deleted')", name="state"),
)


class StateStore:
    """A row a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, subject: Subject) -> Known | None:
        """What is known, if anything."""
        query = select(supabase_states).where(supabase_states.c.supabase_id == subject)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else Known(State(row[1]), from_micros(row[2]))

    async def put(self, subject: Subject, known: Known) -> State | None:
        """Replace what is known, unless that is newer. → the state before; None where there was none."""
        values = {"state": known.state.value, "checked_at": to_micros(known.checked_at)}

        def work(connection: Connection) -> State | None:
            mine = supabase_states.c.supabase_id == subject
            before = connection.execute(select(supabase_states.c.state).where(mine)).scalar_one_or_none()
            if before is None:
                connection.execute(insert(supabase_states).values(supabase_id=subject, **values))
                return None
            newer = supabase_states.c.checked_at <= values["checked_at"]
            connection.execute(update(supabase_states).where(mine, newer).values(values))
            return State(before)

        try:
            return await self._database.write(work)
        except IntegrityError:  # another node wrote the first row in between
            return await self._database.write(work)
