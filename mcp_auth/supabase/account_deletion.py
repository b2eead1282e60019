"""Deleting an account (SEED-22): at Supabase first, then everything here.

Three things have to happen in two systems, so the intention is written down first and struck out last. What a crash or
an outage leaves between them is settled by `settle`: if Supabase has deleted the person, the rest is done as well; if
not, nothing has happened, and whoever wanted it was told so."""

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

# Longer than a deletion takes: what is older was left behind.
UNDER_WAY = timedelta(minutes=1)
_MOST = 100


class AccountDeletion:
    """access_end: ends the grants, sign-in sessions and tokens of a person, on every node, and forgets who identity
    providers mean by them."""

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
        """Delete the person everywhere; again is no harm. ProviderUnavailable: the row is as it was."""
        await self._database.write(lambda connection: _begin(connection, subject, self._clock()))
        await self._admin.delete_user(subject)
        await self._finish(subject)

    async def settle(self) -> None:
        """Bring to an end what was left behind. Raises Outage when that has to wait."""
        for subject, requested_at in await self._database.read(self._left_behind):
            if await self._admin.get_user(subject) is None:
                await self._finish(subject)
            else:
                await self._strike_out(subject, requested_at)

    async def _finish(self, subject: Subject) -> None:
        # First: from here on the person is refused, so that nothing is given after the rest ended.
        await self._users.anonymise(subject, self._clock())
        await self._access_end.of_links(subject)
        await self._access_end.of_everything(subject, "account_deleted")
        await self._strike_out(subject, None)
        log.info("account_deleted", subject=subject)

    async def _strike_out(self, subject: Subject, requested_at: int | None) -> None:
        """requested_at: only if it has not been asked for again since."""
        mine = account_deletions.c.supabase_id == subject
        if requested_at is not None:
            mine &= account_deletions.c.requested_at == requested_at
        await self._database.write(lambda connection: connection.execute(delete(account_deletions).where(mine)))

    def _left_behind(self, connection: Connection) -> Sequence[tuple[Subject, int]]:
        overdue = account_deletions.c.requested_at <= to_micros(self._clock() - UNDER_WAY)
        found = connection.execute(select(account_deletions).where(overdue).limit(_MOST))
        return [(Subject(row[0]), row[1]) for row in found]


def _begin(connection: Connection, subject: Subject, now: datetime) -> None:
    mine = account_deletions.c.supabase_id == subject
    again = connection.execute(update(account_deletions).where(mine).values(requested_at=to_micros(now)))
    if again.rowcount == 0:
        connection.execute(insert(account_deletions).values(supabase_id=subject, requested_at=to_micros(now)))
