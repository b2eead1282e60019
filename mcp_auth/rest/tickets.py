"""Tickets for streams: a browser's EventSource and WebSocket cannot send headers, and a token in a URL ends up in
logs and histories (SEED-15, F-14). A ticket in a URL is worth nothing to whoever reads it later."""

from datetime import timedelta

from sqlalchemy import Connection, delete, insert

from mcp_auth.users.tables import stream_tickets
from oauth.database.database import Database
from oauth.database.timestamps import to_micros
from oauth.foundation import credentials
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import Entropy
from oauth.foundation.vocabulary import Subject

PREFIX = "st_"
LIFETIME = timedelta(seconds=30)


class StreamTickets:
    """Each good once, for 30 s, for one person at one path; stored as a digest."""

    def __init__(self, database: Database, clock: Clock, entropy: Entropy) -> None:
        self._database = database
        self._clock = clock
        self._entropy = entropy

    async def issue(self, subject: Subject, path: str) -> str:
        """A new ticket. path: of the stream, percent-decoded, without a query; printable."""
        ticket, now = credentials.new_secret(PREFIX, self._entropy), self._clock()
        values = {
            "digest": credentials.digest(ticket),
            "supabase_id": subject,
            "path": path,
            "expires_at": to_micros(now + LIFETIME),
        }

        def work(connection: Connection) -> None:
            # Those that nobody used go here: there are never more than 30 s of them.
            connection.execute(delete(stream_tickets).where(stream_tickets.c.expires_at <= to_micros(now)))
            connection.execute(insert(stream_tickets).values(values))

        await self._database.write(work)
        return ticket

    async def redeem(self, ticket: str, path: str) -> Subject | None:
        """Whose ticket it was; None when it is none, is used up, has expired, or is for another path."""
        if not path.isprintable():
            return None  # no ticket is for such a path, and PostgreSQL takes no NUL
        # One statement decides: of any number of redemptions at once one deletes the row.
        claim = (
            delete(stream_tickets)
            .where(
                stream_tickets.c.digest == credentials.digest(ticket),
                stream_tickets.c.path == path,
                stream_tickets.c.expires_at > to_micros(self._clock()),
            )
            .returning(stream_tickets.c.supabase_id)
        )
        found = await self._database.write(lambda connection: connection.execute(claim).scalar_one_or_none())
        return None if found is None else Subject(found)
