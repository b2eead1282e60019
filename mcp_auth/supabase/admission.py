"""Somebody with a Supabase session whom we have no row of yet (SEED-10)."""

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


class Admission:
    """Asks Supabase who the bearer is and makes the row; once per person."""

    def __init__(self, client: SupabaseClient, users: UserStore, standings: Standings, clock: Clock) -> None:
        self._client = client
        self._users = users
        self._standings = standings
        self._clock = clock

    async def admit(self, token: str, subject: Subject) -> Rejection | None:
        """Make sure that the person has a row. A rejection when Supabase says that the session is over."""
        if await self._users.get(subject) is not None:
            return None
        answer = await self._client.request("GET", "/user", bearer=token)
        if answer.status == _TOO_MANY:
            raise ProviderUnavailable("/user: status 429")
        person = identity.of(answer.body) if answer.status == _OK else None
        if person is None or person.supabase_id != subject:
            return Rejection("supabase_session_ended", "The Supabase session is over.")
        await self._users.get_or_create(person, self._clock())
        self._standings.forget(subject)
        return None
