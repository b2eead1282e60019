"""The table of encrypted Supabase sessions, one per person. Uses neither the encryption key nor Supabase."""

from sqlalchemy import Column, Connection, LargeBinary, Table, Text, delete, select, update

from mcp_auth.users.tables import metadata
from oauth.database.database import Database, Write
from oauth.database.upsert import UPSERTS
from oauth.foundation.vocabulary import Subject

held_sessions = Table(
    "supabase_sessions",
    metadata,
    Column("supabase_id", Text, primary_key=True),
    # Encrypted JSON: access_token and refresh_token, as Supabase issued them.
    Column("sealed", LargeBinary, nullable=False),
)


class SealedSessions:
    """Reads and writes the table. Each call is one transaction. Raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, subject: Subject) -> bytes | None:
        """→ the encrypted session of a person; None without one."""
        query = select(held_sessions.c.sealed).where(held_sessions.c.supabase_id == subject)
        return await self._database.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def put(self, subject: Subject, sealed: bytes) -> None:
        """Store a session, in place of the person's earlier one."""
        await self._database.write(self.prepare_put(subject, sealed))

    @staticmethod
    def prepare_put(subject: Subject, sealed: bytes) -> Write:
        """→ the write of `put`, for the caller's transaction."""

        def write(connection: Connection) -> None:
            upsert = UPSERTS[connection.dialect.name](held_sessions).values(supabase_id=subject, sealed=sealed)
            connection.execute(upsert.on_conflict_do_update(index_elements=["supabase_id"], set_={"sealed": sealed}))

        return write

    async def replace(self, subject: Subject, former: bytes, sealed: bytes) -> None:
        """Replace `former`, unless another session is stored by now."""
        is_former = (held_sessions.c.supabase_id == subject, held_sessions.c.sealed == former)
        await self._database.write(
            lambda connection: connection.execute(update(held_sessions).where(*is_former).values(sealed=sealed))
        )

    async def remove(self, subject: Subject) -> None:
        """Delete the session of a person. Idempotent."""
        statement = delete(held_sessions).where(held_sessions.c.supabase_id == subject)
        await self._database.write(lambda connection: connection.execute(statement))
