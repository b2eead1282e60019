"""The Supabase sessions with which people signed in here. While Supabase accepts such a session, its person has an
account and has not signed out everywhere (D-14).

Supabase answers about a session only to its bearer. So the session is stored, encrypted under the root secrets like the
private keys, and refreshed before its access token expires."""

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

# An access token that expires sooner than this is refreshed first.
_AHEAD = timedelta(minutes=1)
# The session was ended explicitly: by its person, or with the account.
_SIGNED_OUT = frozenset({"session_not_found", "refresh_token_not_found"})
# The session reached a time limit of the project, or its stored refresh token is outdated: no statement on its person.
_LOST = frozenset({"session_expired", "refresh_token_already_used"})


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What Supabase says of a person.

    state: of the account.
    signed_out: the session was ended by a sign-out.
    has_factor: a second factor is enrolled; None if the answer did not tell."""

    state: State
    signed_out: bool = False
    has_factor: bool | None = None

    @classmethod
    def from_user(cls, user: Mapping[str, Any] | None, now: datetime) -> "AccountReport":
        """→ the report. user: Supabase's user object; None if there is no such user."""
        return cls(state_of(user, now), has_factor=None if user is None else bool(identity.verified_factors(user)))


@dataclass(frozen=True, slots=True)
class _StoredSession:
    sealed: bytes
    access_token: str
    refresh_token: str


class SessionVault:
    """Stores the newest session of each person, encrypted, and asks Supabase about it."""

    def __init__(
        self, client: SupabaseClient, sessions: SealedSessions, encryption: KeyEncryption, clock: Clock
    ) -> None:
        self._client = client
        self._sessions = sessions
        self._encryption = encryption
        self._clock = clock

    async def keep(self, subject: Subject, session: Mapping[str, Any]) -> None:
        """Store the session of a sign-in, if it can be refreshed. Raises StoreUnavailable.

        session: the body of Supabase's answer."""
        sealed = self._seal(subject, session)
        if sealed is not None:
            await self._sessions.put(subject, sealed)

    def prepare_keep(self, subject: Subject, session: Mapping[str, Any]) -> Write | None:
        """→ the write of `keep`, for the caller's transaction; None for a session that cannot be refreshed."""
        sealed = self._seal(subject, session)
        return None if sealed is None else self._sessions.prepare_put(subject, sealed)

    async def forget(self, subject: Subject) -> None:
        """Delete the session of a person. Idempotent. Raises StoreUnavailable."""
        await self._sessions.remove(subject)

    async def fetch_report(self, subject: Subject) -> AccountReport | None:
        """→ what Supabase says of the person; None if no usable session is stored. Raises Outage."""
        stored = await self._read(subject)
        if stored is None:
            return None
        if not self._expires_soon(stored.access_token):
            answer = await self._fetch_user(stored)
            # The project may have revoked the key of the token. A refreshed token is signed with another key.
            if answer.error_code != "bad_jwt":
                return await self._interpret_answer(subject, stored, answer)
        refreshed = await self._refresh(subject, stored)
        if isinstance(refreshed, Answer):
            return await self._interpret_answer(subject, stored, refreshed)
        return await self._interpret_answer(subject, refreshed, await self._fetch_user(refreshed))

    async def _fetch_user(self, session: _StoredSession) -> Answer:
        return await self._client.request("GET", "/user", bearer=session.access_token)

    async def _interpret_answer(
        self, subject: Subject, session: _StoredSession, answer: Answer
    ) -> AccountReport | None:
        """→ what the answer about a session says of its person; None if it says nothing.

        A refusal counts only if the session is still stored: a newer one proves that the person is active."""
        if answer.is_ok:
            return AccountReport.from_user(answer.body, self._clock())
        report = _interpret_refusal(answer)
        current = await self._read(subject)
        if current is not None and current.sealed != session.sealed:
            return AccountReport(State.ACTIVE)
        if report is None:
            log.info("supabase_session_lost", subject=subject)
            await self.forget(subject)
        return report

    async def _refresh(self, subject: Subject, stored: _StoredSession) -> _StoredSession | Answer:
        """→ the successor of a session, or Supabase's refusal.

        Two nodes that refresh at once get the same successor from Supabase, and so does a retry after a crash that
        prevented the write."""
        answer = await self._client.request(
            "POST", "/token", query={"grant_type": "refresh_token"}, json={"refresh_token": stored.refresh_token}
        )
        if not answer.is_ok:
            return answer
        sealed = self._seal(subject, answer.body)
        if sealed is None:
            raise ProviderUnavailable("/token: a session without tokens")
        await self._sessions.replace(subject, stored.sealed, sealed)
        return _StoredSession(sealed, answer.body["access_token"], answer.body["refresh_token"])

    async def _read(self, subject: Subject) -> _StoredSession | None:
        sealed = await self._sessions.get(subject)
        plain = None if sealed is None else self._encryption.decrypt(sealed, _seal_name(subject))
        if sealed is None or plain is None:  # encrypted under a root secret that is no longer configured
            return None
        session = json.loads(plain)
        return _StoredSession(sealed, session["access_token"], session["refresh_token"])

    def _seal(self, subject: Subject, session: Mapping[str, Any]) -> bytes | None:
        tokens = {name: session.get(name) for name in ("access_token", "refresh_token")}
        if not all(isinstance(value, str) and value for value in tokens.values()):
            return None
        return self._encryption.encrypt(json.dumps(tokens).encode(), _seal_name(subject))

    def _expires_soon(self, access_token: str) -> bool:
        unverified = bearer.read(access_token)
        if isinstance(unverified, Rejection):
            return True
        return bearer.check_times(unverified, (self._clock() + _AHEAD).timestamp()) is not None


def _interpret_refusal(answer: Answer) -> AccountReport | None:
    """→ what a refusal says of the person; None if it says nothing. Raises ProviderUnavailable for any other error."""
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


def _seal_name(subject: Subject) -> str:
    return f"supabase session of {subject}"
