"""Delete an account: at Supabase first, then here.

The deletion changes two systems, so it is recorded before the first change and the record is removed after the last.
`finish_interrupted` handles the records that a crash or an outage leaves: if Supabase has deleted the user, it does the
rest; if not, nothing has happened, and the caller of `delete` got an error."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, delete, insert, select, update

from mcp_auth.supabase.admin import SupabaseAdmin
from mcp_auth.supabase.liveness import AccessEnd
from mcp_auth.users.store import UserStore
from mcp_auth.users.tables import account_deletions
from oauth.database.database import Database
from oauth.database.timestamps import to_micros
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import Subject

log = structlog.get_logger()

# Longer than a deletion takes: an older record belongs to an interrupted one.
_MAX_DURATION = timedelta(minutes=1)
_BATCH_SIZE = 100


class AccountDeletion:
    """Deletes accounts.

    admin: deletes the user at Supabase.
    access_end: ends the person's grants, sign-in sessions and tokens on every node, and removes their links to identity
        providers."""

    def __init__(
        self,
        database: Database,
        users: UserStore,
        admin: SupabaseAdmin,
        access_end: AccessEnd,
        clock: Clock,
    ) -> None:
        self._database = database
        self._users = users
        self._admin = admin
        self._access_end = access_end
        self._clock = clock

    async def delete(self, subject: Subject) -> None:
        """Delete the person everywhere. Idempotent. Raises Outage; on ProviderUnavailable the row is unchanged."""
        await self._database.write(lambda connection: _record_request(connection, subject, self._clock()))
        await self._admin.delete_user(subject)
        await self._finish(subject)

    async def finish_interrupted(self) -> None:
        """Finish the deletions that Supabase has carried out, and drop the records of the others. Raises Outage."""
        for subject, requested_at in await self._database.read(self._find_interrupted):
            if await self._admin.get_user(subject) is None:
                await self._finish(subject)
            else:
                await self._remove_request(subject, requested_at)

    async def _finish(self, subject: Subject) -> None:
        # First: an inactive row makes every endpoint refuse the person, so no grant starts after the others end.
        await self._users.anonymise(subject, self._clock())
        await self._access_end.remove_links(subject)
        await self._access_end.end_everything(subject, "account_deleted")
        await self._remove_request(subject, None)
        log.info("account_deleted", subject=subject)

    async def _remove_request(self, subject: Subject, requested_at: int | None) -> None:
        """requested_at: remove only this request, not a later one; None: remove any."""
        condition = account_deletions.c.supabase_id == subject
        if requested_at is not None:
            condition &= account_deletions.c.requested_at == requested_at
        await self._database.write(lambda connection: connection.execute(delete(account_deletions).where(condition)))

    def _find_interrupted(self, connection: Connection) -> Sequence[tuple[Subject, int]]:
        is_overdue = account_deletions.c.requested_at <= to_micros(self._clock() - _MAX_DURATION)
        rows = connection.execute(select(account_deletions).where(is_overdue).limit(_BATCH_SIZE))
        return [(Subject(row[0]), row[1]) for row in rows]


def _record_request(connection: Connection, subject: Subject, now: datetime) -> None:
    is_same = account_deletions.c.supabase_id == subject
    updated = connection.execute(update(account_deletions).where(is_same).values(requested_at=to_micros(now)))
    if updated.rowcount == 0:
        connection.execute(insert(account_deletions).values(supabase_id=subject, requested_at=to_micros(now)))
