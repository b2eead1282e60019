"""What Supabase itself says of a session: who that is, and whether the token is any good where its signature cannot be
checked here (SEED-4).

Answers are remembered, one question is asked at a time about a token, and after an outage nobody asks for a while:
whatever arrives, Supabase hears little of it (SEED-3, F-12)."""

import asyncio
import contextlib
from collections import deque
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from mcp_auth.rejection import AuthFailureReason, Rejection
from mcp_auth.supabase import identity
from mcp_auth.supabase.client import SupabaseClient
from mcp_auth.users.models import Identity
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Subject

log = structlog.get_logger()

# With the 15 s of a verdict it stays within the minute of D-14.
_CONFIRMED_FOR = timedelta(seconds=45)
# A session that is followed is asked about in the background once its answer is older than this.
_RECENT = timedelta(seconds=10)
_REFUSED_FOR = timedelta(seconds=60)
_MOST = 100_000
_PAUSE = timedelta(seconds=15)
# Invented tokens are all different, so remembering does not help: from so many refusals in a window on, nobody asks.
_MOST_REFUSALS = 10
_WINDOW = timedelta(seconds=30)
_VERDICTS = frozenset({400, 401, 403})

SESSION_ENDED = Rejection(
    ReasonCode.SUPABASE_SESSION_ENDED, "The Supabase session is over.", AuthFailureReason.PROVIDER_ERROR
)

_Answer = Identity | Rejection


class Introspection:
    """`GET /auth/v1/user` with the bearer's token, asked as rarely as can be."""

    def __init__(self, client: SupabaseClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: BoundedCache[bytes, tuple[datetime, _Answer]] = BoundedCache(_MOST)
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}
        self._paused_until = clock()
        self._refusals: deque[datetime] = deque(maxlen=_MOST_REFUSALS)

    async def confirm(self, token: str, subject: Subject, expires_at: datetime) -> Identity | Rejection:
        """Whose session is it? A rejection when Supabase says that it is over, or somebody else's.

        subject, expires_at: as the token claims. Raises ProviderUnavailable when there is no verdict to be had."""
        key, now = sha256(token.encode()).digest(), self._clock()
        known = self._known.get(key)
        if known is not None and now < known[0]:
            return known[1]
        if len(self._refusals) == _MOST_REFUSALS and now - self._refusals[0] < _WINDOW:
            raise ProviderUnavailable("/user: too many tokens were refused in a short time")
        answer = await asyncio.shield(self._begin(key, token, subject, expires_at))
        if isinstance(answer, Rejection):
            self._refusals.append(self._clock())
        return answer

    async def follow(self, token: str, subject: Subject, expires_at: datetime) -> Rejection | None:
        """Has the session of a token, which is proven otherwise, been ended? (D-14) An outage ends nothing."""
        key, now = sha256(token.encode()).digest(), self._clock()
        until, answer = self._known.get(key, (now, None))
        if now < until:
            if not isinstance(answer, Rejection) and until - now < _CONFIRMED_FOR - _RECENT:
                self._begin(key, token, subject, expires_at)
        else:
            with contextlib.suppress(ProviderUnavailable):
                answer = await asyncio.shield(self._begin(key, token, subject, expires_at))
        return answer if isinstance(answer, Rejection) else None

    def _begin(self, key: bytes, token: str, subject: Subject, expires_at: datetime) -> "asyncio.Task[_Answer]":
        """One question a token at a time; whoever comes meanwhile waits for its answer."""
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._ask(key, token, subject, expires_at))
            self._asking[key] = asking
            asking.add_done_callback(lambda done: self._done(key, done))
        return asking

    def _done(self, key: bytes, task: "asyncio.Task[_Answer]") -> None:
        del self._asking[key]
        # In the background nobody waits for the error; those who do have been told.
        if not task.cancelled() and isinstance(task.exception(), ProviderUnavailable):
            log.warning("introspection_unavailable", cause=str(task.exception()))

    async def _ask(self, key: bytes, token: str, subject: Subject, expires_at: datetime) -> _Answer:
        if self._clock() < self._paused_until:
            raise ProviderUnavailable("/user: did not answer a moment ago")
        try:
            person = await self._user(token)
        except ProviderUnavailable:
            self._paused_until = self._clock() + _PAUSE
            raise
        now = self._clock()
        if person is not None and person.supabase_id == subject:
            # F-11: never past the token's own end.
            return self._remember(key, min(now + _CONFIRMED_FOR, expires_at), person)
        return self._remember(key, now + _REFUSED_FOR, SESSION_ENDED)

    async def _user(self, token: str) -> Identity | None:
        answer = await self._client.request("GET", "/user", bearer=token)
        if answer.is_ok:
            return identity.parse(answer.body)
        if answer.status in _VERDICTS and answer.error_code:
            return None
        # Too many requests, for instance: not a word about the token (SEED-5).
        raise answer.to_outage("/user")

    def _remember(self, key: bytes, until: datetime, answer: _Answer) -> _Answer:
        self._known[key] = (until, answer)
        return answer
