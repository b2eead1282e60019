"""The access status of people: active, present at Supabase, role. Cached, so that a verified call reads no row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mcp_auth.users.store import UserStore
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.resource_owners import AccessStatus

# With the 15 s of a verdict (see mcp_auth.verifier) it stays within the 60 s of D-14.
LIFETIME = timedelta(seconds=45)
_MAX_ENTRIES = 100_000

# A person without a row.
UNKNOWN = AccessStatus(active=False, role=Role.USER)


@dataclass(frozen=True, slots=True)
class Presence:
    """What Supabase says of a person.

    is_active: the account exists and is not banned.
    has_factor: a second factor is enrolled."""

    is_active: bool
    has_factor: bool = False


class Liveness(Protocol):
    """Whether Supabase still admits a person (D-14)."""

    async def presence(self, subject: Subject) -> Presence:
        """→ the state of the person at Supabase. Raises Outage when it is unknown."""
        ...


class AccessStatuses:
    """A cache that reads a person's row at most once per LIFETIME. Call `forget` when the row has changed."""

    def __init__(self, store: UserStore, liveness: Liveness, clock: Clock) -> None:
        self._store = store
        self._liveness = liveness
        self._clock = clock
        self._cached: BoundedCache[Subject, tuple[datetime, AccessStatus]] = BoundedCache(_MAX_ENTRIES)

    async def get(self, subject: Subject) -> AccessStatus:
        """→ the status of the person; UNKNOWN, which is not active, without a row. Raises Outage."""
        now = self._clock()
        cached = self._cached.get(subject)
        if cached is not None and now < cached[0]:
            return cached[1]
        user = await self._store.get(subject)
        if user is None:
            status = UNKNOWN
        else:
            presence = await self._liveness.presence(subject)
            status = AccessStatus(user.is_active and presence.is_active, user.role, presence.has_factor)
        self._cached[subject] = (now + LIFETIME, status)
        return status

    def forget(self, subject: Subject) -> None:
        """Drop the cached status of a person."""
        self._cached.pop(subject, None)
