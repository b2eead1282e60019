"""Fill in an email or phone that a person verified after their row was created, at their next request with a session.

The claims of a session contain the identifiers but not whether they are verified, so Supabase is asked. It is asked
only if the claims contain an identifier that the row lacks."""

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

# Before the next attempt for an identifier that could not be filled in: unverified, or on another row.
_PAUSE = timedelta(minutes=10)
_MAX_ENTRIES = 10_000


class IdentifierSync:
    """Fills in missing identifiers. A failed attempt does not fail the request."""

    def __init__(self, introspection: Introspection, users: UserStore, clock: Clock) -> None:
        self._introspection = introspection
        self._users = users
        self._clock = clock
        self._paused: BoundedCache[tuple[str, object, object], datetime] = BoundedCache(_MAX_ENTRIES)

    async def fill(self, user: User, session: str) -> User:
        """→ the row, with the identifiers that could be filled in. Never raises Outage.

        session: a verified Supabase access token of this person."""
        token = bearer.read(session)
        if isinstance(token, Rejection) or user.supabase_id is None:
            return user
        email, phone = token.claims.get("email"), token.claims.get("phone")
        if not (email and user.email is None) and not (phone and user.phone is None):
            return user
        key, now = (user.id, email, phone), self._clock()
        if now < self._paused.get(key, now):
            return user
        self._paused[key] = now + _PAUSE
        try:
            identity = await self._introspection.confirm(session, user.supabase_id, instant(token.claims["exp"]))
            if isinstance(identity, Rejection):
                return user
            return await self._users.get_or_create(identity, now)
        except Outage as outage:
            # Nothing was written, and the request does not need the identifier.
            log.warning("identifiers_not_filled", kind=type(outage).__name__, cause=str(outage))
            del self._paused[key]
            return user
