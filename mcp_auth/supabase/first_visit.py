"""Somebody with a Supabase session whom we have no row of yet (SEED-10)."""

from datetime import datetime

from mcp_auth.rejection import Rejection
from mcp_auth.supabase.introspection import Introspection
from mcp_auth.users.access_status import AccessStatuses
from mcp_auth.users.store import UserStore
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import Subject


class FirstVisit:
    """Asks Supabase who the bearer is and makes the row; once per person."""

    def __init__(
        self, introspection: Introspection, users: UserStore, access_statuses: AccessStatuses, clock: Clock
    ) -> None:
        self._introspection = introspection
        self._users = users
        self._access_statuses = access_statuses
        self._clock = clock

    async def admit(self, token: str, subject: Subject, expires_at: datetime) -> Rejection | None:
        """Make a row for somebody who has none. A rejection when Supabase says that the session is over."""
        person = await self._introspection.confirm(token, subject, expires_at)
        if isinstance(person, Rejection):
            return person
        await self._users.get_or_create(person, self._clock())
        self._access_statuses.forget(subject)
        return None
