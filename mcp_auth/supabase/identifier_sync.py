"""Somebody verified an email or phone after their row was made: the next request with a session brings it here.

A session's claims name the identifiers and do not say whether they are verified (F-1), so Supabase is asked; and only
where the claims name something that the row lacks."""

from datetime import datetime, timedelta

import structlog

from mcp_auth.rejection import Rejection
from mcp_auth.supabase.introspection import Introspection
from mcp_auth.tokens import bearer
from mcp_auth.users.models import User
from mcp_auth.users.store import UserStore
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.outages import Outage
from oauth.jose.jws import instant

log = structlog.get_logger()

# So long nobody asks again for what was not to be had: unverified, or another row has it.
_PAUSE = timedelta(minutes=10)
_MOST = 10_000


class IdentifierSync:
    """Fills rows; what cannot be filled now waits for another time, and keeps nobody waiting."""

    def __init__(self, introspection: Introspection, users: UserStore, clock: Clock) -> None:
        self._introspection = introspection
        self._users = users
        self._clock = clock
        self._paused: BoundedCache[tuple[str, object, object], datetime] = BoundedCache(_MOST)

    async def fill(self, user: User, session: str) -> User:
        """session: a Supabase access token of this person, verified. → the row as it then is. Never raises Outage."""
        read = bearer.read(session)
        if isinstance(read, Rejection) or user.supabase_id is None:
            return user
        email, phone = read.claims.get("email"), read.claims.get("phone")
        if not (email and user.email is None) and not (phone and user.phone is None):
            return user
        key, now = (user.id, email, phone), self._clock()
        if now < self._paused.get(key, now):
            return user
        self._paused[key] = now + _PAUSE
        try:
            person = await self._introspection.confirm(session, user.supabase_id, instant(read.claims["exp"]))
            if isinstance(person, Rejection):
                return user
            return await self._users.get_or_create(person, now)
        except Outage as outage:
            # Nothing was written, and the request needs nothing of it.
            log.warning("identifiers_not_filled", kind=type(outage).__name__, cause=str(outage))
            del self._paused[key]
            return user
