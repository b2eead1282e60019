"""The Supabase sessions that people signed in with here: as long as Supabase has one, its person is there and has not
signed out everywhere (D-14).

Supabase tells of a session to its bearer alone, so the session is kept, sealed under the root secrets like the private
keys, and refreshed before its access token runs out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from mcp_auth.rejection import Rejection
from mcp_auth.supabase import identity
from mcp_auth.supabase.account_states import State, state_of
from mcp_auth.supabase.client import Answer, SupabaseClient
from mcp_auth.supabase.sealed_sessions import SealedSessions
from mcp_auth.tokens import bearer
from oauth.database.database import Write
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import KeyEncryption
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.vocabulary import Subject

log = structlog.get_logger()

# An access token that is closer to its end than this is refreshed first.
_AHEAD = timedelta(minutes=1)
# A session whose row is gone was ended by somebody: by its person, or with the account.
_SIGNED_OUT = frozenset({"session_not_found", "refresh_token_not_found"})
# It ended by itself (a time limit of the project), or we lost track of it: that says nothing of its person.
_LOST = frozenset({"session_expired", "refresh_token_already_used"})


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What Supabase says of somebody. has_factor: whether a second factor is enrolled; None: nothing was said of it."""

    state: State
    signed_out: bool = False
    has_factor: bool | None = None

    @classmethod
    def from_user(cls, user: Mapping[str, Any] | None, now: datetime) -> "AccountReport":
        """user: Supabase's user object; None where there is none."""
        return cls(state_of(user, now), has_factor=None if user is None else bool(identity.verified_factors(user)))


@dataclass(frozen=True, slots=True)
class _Held:
    sealed: bytes
    access_token: str
    refresh_token: str


class SessionVault:
    """One a person: the newest."""

    def __init__(
        self, client: SupabaseClient, sessions: SealedSessions, encryption: KeyEncryption, clock: Clock
    ) -> None:
        self._client = client
        self._sessions = sessions
        self._encryption = encryption
        self._clock = clock

    async def keep(self, subject: Subject, session: Mapping[str, Any]) -> None:
        """session: the body of Supabase's answer to a sign-in. One that cannot be refreshed is not kept."""
        sealed = self._seal(subject, session)
        if sealed is not None:
            await self._sessions.put(subject, sealed)

    def prepare_keep(self, subject: Subject, session: Mapping[str, Any]) -> Write | None:
        """The same as a part of a transaction; None for a session that cannot be refreshed."""
        sealed = self._seal(subject, session)
        return None if sealed is None else self._sessions.prepare_put(subject, sealed)

    async def forget(self, subject: Subject) -> None:
        """The session is of no more use."""
        await self._sessions.remove(subject)

    async def fetch_report(self, subject: Subject) -> AccountReport | None:
        """Ask Supabase; None where no session of the person is held. Raises Outage."""
        held = await self._read(subject)
        if held is None:
            return None
        if not self._runs_out(held.access_token):
            answer = await self._user(held)
            # The project may have revoked the key that the token was signed with: a refreshed one has another.
            if answer.error_code != "bad_jwt":
                return await self._conclude(subject, held, answer)
        refreshed = await self._refresh(subject, held)
        if isinstance(refreshed, Answer):
            return await self._conclude(subject, held, refreshed)
        return await self._conclude(subject, refreshed, await self._user(refreshed))

    async def _user(self, held: _Held) -> Answer:
        return await self._client.request("GET", "/user", bearer=held.access_token)

    async def _conclude(self, subject: Subject, held: _Held, answer: Answer) -> AccountReport | None:
        """What was said of a session counts if it is still the one that is held. None: it says nothing any more."""
        if answer.is_ok:
            return AccountReport.from_user(answer.body, self._clock())
        look = _look_of(answer)
        now_held = await self._read(subject)
        if now_held is not None and now_held.sealed != held.sealed:
            return AccountReport(State.ACTIVE)
        if look is None:
            log.info("supabase_session_lost", subject=subject)
            await self.forget(subject)
        return look

    async def _refresh(self, subject: Subject, held: _Held) -> _Held | Answer:
        """→ its successor, or the refusal. Two nodes at once get the same one, and so does whoever comes after a crash
        that kept it from being written down."""
        answer = await self._client.request(
            "POST", "/token", query={"grant_type": "refresh_token"}, json={"refresh_token": held.refresh_token}
        )
        if not answer.is_ok:
            return answer
        sealed = self._seal(subject, answer.body)
        if sealed is None:
            raise ProviderUnavailable("/token: a session without tokens")
        await self._sessions.replace(subject, held.sealed, sealed)
        return _Held(sealed, answer.body["access_token"], answer.body["refresh_token"])

    async def _read(self, subject: Subject) -> _Held | None:
        sealed = await self._sessions.get(subject)
        plain = None if sealed is None else self._encryption.decrypt(sealed, _name(subject))
        if sealed is None or plain is None:  # sealed under a root secret that is gone
            return None
        session = json.loads(plain)
        return _Held(sealed, session["access_token"], session["refresh_token"])

    def _seal(self, subject: Subject, session: Mapping[str, Any]) -> bytes | None:
        kept = {name: session.get(name) for name in ("access_token", "refresh_token")}
        if not all(isinstance(value, str) and value for value in kept.values()):
            return None
        return self._encryption.encrypt(json.dumps(kept).encode(), _name(subject))

    def _runs_out(self, access_token: str) -> bool:
        unverified = bearer.read(access_token)
        if isinstance(unverified, Rejection):
            return True
        return bearer.check_times(unverified, (self._clock() + _AHEAD).timestamp()) is not None


def _look_of(answer: Answer) -> AccountReport | None:
    """A refusal in our words; None: it says nothing. Raises ProviderUnavailable where it is trouble of our own."""
    code = answer.error_code
    if code in _SIGNED_OUT:
        return AccountReport(State.ACTIVE, signed_out=True)
    if code == "user_banned":
        return AccountReport(State.BANNED)
    if code == "user_not_found":
        return AccountReport(State.DELETED)
    if code in _LOST:
        return None
    raise answer.to_outage("a held session")


def _name(subject: Subject) -> str:
    return f"supabase session of {subject}"
