"""The first request of a person with a Supabase session and without a local row."""

from datetime import datetime

from mcp_auth.rejection import Rejection
from mcp_auth.supabase.introspection import Introspection
from mcp_auth.users.access_status import AccessStatuses
from mcp_auth.users.store import UserStore
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import Subject


class FirstVisit:
    """Creates the row of a person, from what Supabase says about the session. Once per person."""

    def __init__(
        self, introspection: Introspection, users: UserStore, access_statuses: AccessStatuses, clock: Clock
    ) -> None:
        self._introspection = introspection
        self._users = users
        self._access_statuses = access_statuses
        self._clock = clock

    async def admit(self, token: str, subject: Subject, expires_at: datetime) -> Rejection | None:
        """Create the row. → a rejection if Supabase says that the session has ended. Raises Outage.

        token: verified. subject, expires_at: its claims."""
        identity = await self._introspection.confirm(token, subject, expires_at)
        if isinstance(identity, Rejection):
            return identity
        await self._users.get_or_create(identity, self._clock())
        self._access_statuses.forget(subject)
        return None
