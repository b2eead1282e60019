"""Tickets for streams. A browser's EventSource and WebSocket cannot send headers, and an access token in a URL ends up
in logs and histories (RFC 9700 §4.3.2). A ticket is useless there: it is used up or expired."""

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
    """Tickets that are valid once, for 30 s, for one person at one path. Only digests are stored.

    Raises StoreUnavailable."""

    def __init__(self, database: Database, clock: Clock, entropy: Entropy) -> None:
        self._database = database
        self._clock = clock
        self._entropy = entropy

    async def issue(self, subject: Subject, path: str) -> str:
        """→ a new ticket. path: of the stream, percent-decoded, without a query; printable."""
        ticket, now = credentials.new_secret(PREFIX, self._entropy), self._clock()
        values = {
            "digest": credentials.digest(ticket),
            "supabase_id": subject,
            "path": path,
            "expires_at": to_micros(now + LIFETIME),
        }

        def work(connection: Connection) -> None:
            # Unused tickets are deleted here: those that remain are at most 30 s old.
            connection.execute(delete(stream_tickets).where(stream_tickets.c.expires_at <= to_micros(now)))
            connection.execute(insert(stream_tickets).values(values))

        await self._database.write(work)
        return ticket

    async def redeem(self, ticket: str, path: str) -> Subject | None:
        """→ the person; None if the ticket is unknown, used up, expired or for another path."""
        if not path.isprintable():
            return None  # no ticket has such a path, and PostgreSQL rejects NUL
        # A single DELETE, so that exactly one of several concurrent redemptions succeeds.
        claim = (
            delete(stream_tickets)
            .where(
                stream_tickets.c.digest == credentials.digest(ticket),
                stream_tickets.c.path == path,
                stream_tickets.c.expires_at > to_micros(self._clock()),
            )
            .returning(stream_tickets.c.supabase_id)
        )
        subject = await self._database.write(lambda connection: connection.execute(claim).scalar_one_or_none())
        return None if subject is None else Subject(subject)
