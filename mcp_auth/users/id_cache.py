"""A cache of Supabase user id → local id. The pair never changes, so entries do not expire."""

from mcp_auth.users.store import UserStore
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.vocabulary import Subject

_MAX_ENTRIES = 100_000


class UserIdCache:
    """Reads the row of a person once per process, except after eviction."""

    def __init__(self, users: UserStore) -> None:
        self._users = users
        self._ids: BoundedCache[Subject, str] = BoundedCache(_MAX_ENTRIES)

    async def get(self, subject: Subject) -> str | None:
        """→ the local id; None without a row. Raises StoreUnavailable."""
        known = self._ids.get(subject)
        if known is not None:
            return known
        user = await self._users.get(subject)
        if user is None:
            return None
        self._ids[subject] = user.id
        return user.id
