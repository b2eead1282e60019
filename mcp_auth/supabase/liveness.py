"""Is the person still there? A ban or a deletion in Supabase ends access here within a minute (D-14).

The local state answers at once while it is fresh; somebody who is active is asked about in the background before it
gets old. While Supabase does not answer, the last known state holds: an outage is never an accusation (D-16)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from mcp_auth.supabase.admin import SupabaseAdmin
from mcp_auth.supabase.states import Known, State, StateStore
from oauth.clock import Clock
from oauth.outages import Outage, ProviderUnavailable
from oauth.vocabulary import Subject

log = structlog.get_logger()

# D-14: so old may a state be that lets somebody in.
FRESH = timedelta(seconds=60)
# What is older is asked for in the background; with the 45 s that a standing is remembered it stays fresh.
_RECENT = timedelta(seconds=10)
# After a failure nobody asks for a while: calls must not wait for timeouts one after the other.
_PAUSE = timedelta(seconds=15)
_MOST = 10_000

OnEnd = Callable[[Subject], Awaitable[None]]


class Liveness:
    """admin: None where there is no secret key: then only the webhook tells of bans and deletions.

    on_end: told of each person whom Supabase no longer has. lasting: how long a state holds through an outage."""

    def __init__(
        self, admin: SupabaseAdmin | None, states: StateStore, on_end: OnEnd, clock: Clock, lasting: timedelta
    ) -> None:
        self._admin = admin
        self._states = states
        self._on_end = on_end
        self._clock = clock
        self._lasting = lasting
        self._paused_until = clock()
        self._asking: dict[Subject, asyncio.Task[State]] = {}
        self._just_seen: dict[Subject, datetime] = {}

    async def is_alive(self, subject: Subject) -> bool:
        """For calls. Raises StoreUnavailable; ProviderUnavailable where nothing was ever known."""
        known = await self._states.get(subject)
        if known is None:
            return self._admin is None or await self._ask(subject) is State.ACTIVE
        if known.state is State.ACTIVE and self._admin is not None:
            age = self._clock() - known.checked_at
            if age > FRESH:
                return await self._ask_or(subject, known) is State.ACTIVE
            if age > _RECENT:
                self._begin(subject)
        return known.state is State.ACTIVE

    async def confirm(self, subject: Subject) -> bool:
        """For what lasts, such as a refresh: asks Supabase, unless it has just been asked. A state that is older than
        `lasting` is an outage. Where nobody can be asked, what is known is in the standing already."""
        if self._admin is None:
            return True
        now = self._clock()
        # Parallel refreshes of one person, and the refresh after a sign-in, cost no read.
        if subject in self._just_seen and now - self._just_seen[subject] <= _RECENT:
            return True
        known = await self._states.get(subject)
        if known is not None and known.state is not State.ACTIVE:
            return False
        if known is not None and now - known.checked_at <= _RECENT:
            return True
        if known is None or now - known.checked_at > self._lasting:
            return await self._ask(subject) is State.ACTIVE
        return await self._ask_or(subject, known) is State.ACTIVE

    async def check(self, subject: Subject) -> bool:
        """Ask now, because something is said to have happened. → whether the person is still there."""
        return self._admin is None or await self._ask(subject) is State.ACTIVE

    async def note(self, subject: Subject, state: State) -> None:
        """Supabase has said so by itself: at a sign-in, or through the webhook."""
        await self._learn(subject, state, self._clock())

    async def close(self) -> None:
        """Ask no further."""
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _ask_or(self, subject: Subject, known: Known) -> State:
        if self._clock() < self._paused_until:
            return known.state
        try:
            return await self._ask(subject)
        except ProviderUnavailable:
            return known.state

    async def _ask(self, subject: Subject) -> State:
        return await asyncio.shield(self._begin(subject))

    def _begin(self, subject: Subject) -> "asyncio.Task[State]":
        """One question a person at a time; whoever comes meanwhile waits for its answer."""
        task = self._asking.get(subject)
        if task is None:
            task = asyncio.create_task(self._look(subject))
            self._asking[subject] = task
            task.add_done_callback(lambda done: self._done(subject, done))
        return task

    def _done(self, subject: Subject, task: "asyncio.Task[State]") -> None:
        del self._asking[subject]
        # In the background nobody waits for the error; those who do have been told.
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), Outage):
            log.error("liveness_failed", error=repr(task.exception()))

    async def _look(self, subject: Subject) -> State:
        if self._admin is None:
            raise ProviderUnavailable("no secret key to ask with")
        asked_at = self._clock()
        try:
            state = _state_of(await self._admin.get_user(subject), asked_at)
        except ProviderUnavailable as outage:
            self._paused_until = self._clock() + _PAUSE
            log.warning("liveness_unavailable", cause=str(outage))
            raise
        await self._learn(subject, state, asked_at)
        return state

    async def _learn(self, subject: Subject, state: State, when: datetime) -> None:
        self._just_seen.pop(subject, None)
        before = await self._states.put(subject, Known(state, when))
        if state is State.ACTIVE:
            if len(self._just_seen) >= _MOST:
                del self._just_seen[next(iter(self._just_seen))]
            self._just_seen[subject] = when
        if state is not State.ACTIVE and before is not state:
            log.info("access_ended", subject=subject, reason=f"supabase_{state}")
            await self._on_end(subject)


def _state_of(user: Mapping[str, Any] | None, now: datetime) -> State:
    if user is None or user.get("deleted_at"):
        return State.DELETED
    return State.BANNED if _is_later(user.get("banned_until"), now) else State.ACTIVE


def _is_later(instant: object, now: datetime) -> bool:
    try:
        return isinstance(instant, str) and datetime.fromisoformat(instant) > now
    except (ValueError, TypeError):
        return True  # somebody is banned until a time that cannot be read
