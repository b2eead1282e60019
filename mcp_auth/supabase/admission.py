"""Somebody with a Supabase session whom we have no row of yet (SEED-10)."""

from datetime import datetime, timedelta
from hashlib import sha256

from mcp_auth.rejection import Rejection
from mcp_auth.supabase import identity
from mcp_auth.supabase.client import SupabaseClient
from mcp_auth.users.standings import Standings
from mcp_auth.users.store import UserStore
from oauth.clock import Clock
from oauth.outages import ProviderUnavailable
from oauth.vocabulary import Subject

_OK = 200
_TOO_MANY = 429
_BELIEVED = timedelta(seconds=60)
_MOST_OVER = 10_000
SESSION_OVER = Rejection("supabase_session_ended", "The Supabase session is over.")


class Admission:
    """Asks Supabase who the bearer is and makes the row; once per person."""

    def __init__(self, client: SupabaseClient, users: UserStore, standings: Standings, clock: Clock) -> None:
        self._client = client
        self._users = users
        self._standings = standings
        self._clock = clock
        # Sessions that are over, until when that is believed: a bad token costs no call (SEED-3).
        self._over: dict[bytes, datetime] = {}

    async def admit(self, token: str, subject: Subject) -> Rejection | None:
        """Make a row for somebody who has none. A rejection when Supabase says that the session is over."""
        key, now = sha256(token.encode()).digest(), self._clock()
        if now < self._over.get(key, now):
            return SESSION_OVER
        answer = await self._client.request("GET", "/user", bearer=token)
        if answer.status == _TOO_MANY:
            raise ProviderUnavailable("/user: status 429")
        person = identity.of(answer.body) if answer.status == _OK else None
        if person is None or person.supabase_id != subject:
            if len(self._over) >= _MOST_OVER:
                del self._over[next(iter(self._over))]
            self._over[key] = now + _BELIEVED
            return SESSION_OVER
        await self._users.get_or_create(person, now)
        self._standings.forget(subject)
        return None
