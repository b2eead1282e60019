"""Ask Supabase about a session: who its user is, and whether it still exists. This also decides about a token whose
signature cannot be checked here.

Answers are cached, concurrent requests for a token share one request, and requests pause after an outage and after many
refusals. So a flood of tokens causes few requests to Supabase."""

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

# With the 15 s of a verdict (see mcp_auth.verifier) it stays within the 60 s of D-14.
_CONFIRMED_FOR = timedelta(seconds=45)
# An answer about a followed session is renewed in the background once it is older than this.
_RECENT = timedelta(seconds=10)
_REFUSED_FOR = timedelta(seconds=60)
_MAX_ENTRIES = 100_000
# After an outage.
_PAUSE = timedelta(seconds=15)
# The cache does not help against invented tokens, which all differ: after this many refusals within the window, no
# token that is not in the cache is asked about.
_MAX_REFUSALS = 10
_REFUSAL_WINDOW = timedelta(seconds=30)
# The statuses by which Supabase refuses a token.
_REFUSAL_STATUSES = frozenset({400, 401, 403})

SESSION_ENDED = Rejection(
    ReasonCode.SUPABASE_SESSION_ENDED, "The Supabase session is over.", AuthFailureReason.PROVIDER_ERROR
)

_Answer = Identity | Rejection


class Introspection:
    """Sends `GET /auth/v1/user` with a token, as rarely as possible."""

    def __init__(self, client: SupabaseClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._cached: BoundedCache[bytes, tuple[datetime, _Answer]] = BoundedCache(_MAX_ENTRIES)
        self._requests: dict[bytes, asyncio.Task[_Answer]] = {}
        self._paused_until = clock()
        self._refusals: deque[datetime] = deque(maxlen=_MAX_REFUSALS)

    async def confirm(self, token: str, subject: Subject, expires_at: datetime) -> Identity | Rejection:
        """→ the user of the session, or a rejection if it has ended or belongs to another user.

        subject, expires_at: the claims of the token. Raises ProviderUnavailable if there is no verdict."""
        key, now = sha256(token.encode()).digest(), self._clock()
        cached = self._cached.get(key)
        if cached is not None and now < cached[0]:
            return cached[1]
        if len(self._refusals) == _MAX_REFUSALS and now - self._refusals[0] < _REFUSAL_WINDOW:
            raise ProviderUnavailable("/user: too many tokens were refused in a short time")
        answer = await asyncio.shield(self._start_request(key, token, subject, expires_at))
        if isinstance(answer, Rejection):
            self._refusals.append(self._clock())
        return answer

    async def follow(self, token: str, subject: Subject, expires_at: datetime) -> Rejection | None:
        """→ a rejection if the session has ended, else None (D-14). In an outage the last answer holds; without one,
        the session counts as live.

        token: verified. subject, expires_at: its claims."""
        key, now = sha256(token.encode()).digest(), self._clock()
        until, answer = self._cached.get(key, (now, None))
        if now < until:
            if not isinstance(answer, Rejection) and until - now < _CONFIRMED_FOR - _RECENT:
                self._start_request(key, token, subject, expires_at)
        else:
            with contextlib.suppress(ProviderUnavailable):
                answer = await asyncio.shield(self._start_request(key, token, subject, expires_at))
        return answer if isinstance(answer, Rejection) else None

    def _start_request(self, key: bytes, token: str, subject: Subject, expires_at: datetime) -> "asyncio.Task[_Answer]":
        """→ the running request for the token, or a new one."""
        request = self._requests.get(key)
        if request is None:
            request = asyncio.create_task(self._ask(key, token, subject, expires_at))
            self._requests[key] = request
            request.add_done_callback(lambda done: self._finish_request(key, done))
        return request

    def _finish_request(self, key: bytes, task: "asyncio.Task[_Answer]") -> None:
        del self._requests[key]
        # Reading the exception also keeps asyncio from reporting it for a request that no caller awaits.
        if not task.cancelled() and isinstance(task.exception(), ProviderUnavailable):
            log.warning("introspection_unavailable", cause=str(task.exception()))

    async def _ask(self, key: bytes, token: str, subject: Subject, expires_at: datetime) -> _Answer:
        if self._clock() < self._paused_until:
            raise ProviderUnavailable("/user: did not answer a moment ago")
        try:
            user = await self._fetch_user(token)
        except ProviderUnavailable:
            self._paused_until = self._clock() + _PAUSE
            raise
        now = self._clock()
        if user is not None and user.supabase_id == subject:
            # The answer is never cached beyond the token's expiry.
            return self._store(key, min(now + _CONFIRMED_FOR, expires_at), user)
        return self._store(key, now + _REFUSED_FOR, SESSION_ENDED)

    async def _fetch_user(self, token: str) -> Identity | None:
        """→ the user of the token; None if Supabase refuses the token. Raises ProviderUnavailable."""
        answer = await self._client.request("GET", "/user", bearer=token)
        if answer.is_ok:
            return identity.parse(answer.body)
        if answer.status in _REFUSAL_STATUSES and answer.error_code:
            return None
        # Any other error, such as 429, says nothing about the token (D-16).
        raise answer.to_outage("/user")

    def _store(self, key: bytes, until: datetime, answer: _Answer) -> _Answer:
        self._cached[key] = (until, answer)
        return answer
