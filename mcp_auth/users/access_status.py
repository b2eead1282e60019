"""Where people stand (active, still there in Supabase, in which role), remembered for a short while so that a verified
call costs no read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mcp_auth.users.store import UserStore
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.resource_owners import AccessStatus

REMEMBERED = timedelta(seconds=45)  # SEED-16
_MOST = 100_000

UNKNOWN = AccessStatus(active=False, role=Role.USER)


@dataclass(frozen=True, slots=True)
class Presence:
    """What Supabase says of a person: whether they are there, and whether they have enrolled a second factor."""

    is_active: bool
    has_factor: bool = False


class Liveness(Protocol):
    """Does Supabase still have the person? (D-14)"""

    async def presence(self, subject: Subject) -> Presence:
        """Raises Outage when nobody can tell."""
        ...


class AccessStatuses:
    """Reads the local row at most once per person and REMEMBERED; `forget` when it is known to have changed."""

    def __init__(self, store: UserStore, liveness: Liveness, clock: Clock) -> None:
        self._store = store
        self._liveness = liveness
        self._clock = clock
        self._remembered: BoundedCache[Subject, tuple[datetime, AccessStatus]] = BoundedCache(_MOST)

    async def get(self, subject: Subject) -> AccessStatus:
        """Where the person stands; someone without a row is not active. StoreUnavailable when nobody can tell."""
        now = self._clock()
        known = self._remembered.get(subject)
        if known is not None and now < known[0]:
            return known[1]
        user = await self._store.get(subject)
        if user is None:
            standing = UNKNOWN
        else:
            presence = await self._liveness.presence(subject)
            standing = AccessStatus(user.is_active and presence.is_active, user.role, presence.has_factor)
        self._remembered[subject] = (now + REMEMBERED, standing)
        return standing

    def forget(self, subject: Subject) -> None:
        """The row has changed."""
        self._remembered.pop(subject, None)
