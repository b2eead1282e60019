"""Supabase id → local id. It never changes, so a hot route need not read the row for it (SEED-16)."""

from mcp_auth.users.store import UserStore
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.vocabulary import Subject

_MOST = 100_000


class UserIdCache:
    """Reads a row at most once a person and process."""

    def __init__(self, users: UserStore) -> None:
        self._users = users
        self._ids: BoundedCache[Subject, str] = BoundedCache(_MOST)

    async def get(self, subject: Subject) -> str | None:
        """The local id, if there is a row. Raises StoreUnavailable."""
        known = self._ids.get(subject)
        if known is not None:
            return known
        user = await self._users.get(subject)
        if user is None:
            return None
        self._ids[subject] = user.id
        return user.id
