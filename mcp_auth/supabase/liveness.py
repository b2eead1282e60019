"""Is the person still there? A ban or a deletion in Supabase ends access here within a minute (D-14).

The local state answers at once while it is fresh; somebody who is active is asked about in the background before it
gets old. While Supabase does not answer, the last known state holds: an outage is never an accusation (D-16)."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import Connection

from mcp_auth.supabase.account_states import AccountState, AccountStates, State, put_state
from mcp_auth.supabase.admin import SupabaseAdmin
from mcp_auth.supabase.session_vault import AccountReport, SessionVault
from mcp_auth.users.access_status import Presence
from oauth.database.database import Write
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.outages import Outage, ProviderUnavailable
from oauth.foundation.vocabulary import Subject

log = structlog.get_logger()

# D-14: so old may a state be that lets somebody in.
FRESH = timedelta(seconds=60)
# What is older is asked for in the background; with the 45 s that a standing is remembered it stays fresh.
_RECENT = timedelta(seconds=10)
# After a failure nobody asks for a while: calls must not wait for timeouts one after the other.
_PAUSE = timedelta(seconds=15)
_MOST = 10_000
# Who has access and does not use it is asked about in rounds.
SWEEP = timedelta(minutes=1)
_OVERDUE = timedelta(hours=1)
_ROUND = 100


class AccessEnd(Protocol):
    """Ends what a person was given. reason: why, for the log. Idempotent."""

    async def end_everything(self, subject: Subject, reason: str) -> None:
        """End all grants and sign-in sessions, and every token issued until now, Supabase's included."""
        ...

    async def end_grants(self, subject: Subject, reason: str) -> None:
        """End all grants and sign-in sessions: what we issued. Supabase's tokens are asked about by themselves."""
        ...

    async def remove_links(self, subject: Subject) -> None:
        """The account is gone: no identity provider means it any more."""
        ...

    async def select_with_access(self, subjects: Collection[Subject]) -> Collection[Subject]:
        """Those of them who have a live grant, or a browser that is signed in."""
        ...


class Liveness:
    """held: None where sessions are not followed. admin: None where there is no secret key. With neither, and for
    somebody without a session, only the webhook tells. lasting: how long a state holds through an outage."""

    def __init__(
        self,
        held: SessionVault | None,
        admin: SupabaseAdmin | None,
        states: AccountStates,
        access_end: AccessEnd,
        clock: Clock,
        lasting: timedelta,
    ) -> None:
        self._held = held
        self._admin = admin
        self._states = states
        self._access_end = access_end
        self._clock = clock
        self._lasting = lasting
        self._paused_until = clock()
        self._asking: dict[Subject, asyncio.Task[AccountReport | None]] = {}
        self._just_seen: BoundedCache[Subject, datetime] = BoundedCache(_MOST)

    async def presence(self, subject: Subject) -> Presence:
        """For calls. Raises StoreUnavailable; ProviderUnavailable where nothing was ever known."""
        known = await self._states.get(subject)
        if known is None:
            return _presence(await self._ask(subject))
        if known.state is State.ACTIVE:
            age = self._clock() - known.checked_at
            if age > FRESH:
                return _presence(await self._ask_or(subject, known))
            if age > _RECENT:
                self._begin(subject)
        return _presence(_as_known(known))

    async def confirm(self, subject: Subject) -> bool:
        """For what lasts, such as a refresh: asks Supabase, unless it has just been asked. A state that is older than
        `lasting` is an outage. Where nobody can be asked, what is known is in the standing already."""
        if self._admin is None and self._held is None:
            return True
        now = self._clock()
        # Parallel refreshes of one person, and the refresh after a sign-in, cost no read.
        if subject in self._just_seen and now - self._just_seen[subject] <= _RECENT:
            return True
        known = await self._states.get(subject)
        if known is not None and known.state is not State.ACTIVE:
            return False
        if known is not None and now - known.checked_at <= _RECENT:
            self._just_seen[subject] = known.checked_at
            return True
        if known is None or now - known.checked_at > self._lasting:
            look = await self._ask(subject)
        else:
            look = await self._ask_or(subject, known)
        if look is None:
            # Nor is there anybody to ask in the next moment.
            self._just_seen[subject] = now
        return look is None or (look.state is State.ACTIVE and not look.signed_out)

    async def record_state(self, subject: Subject, state: State) -> None:
        """Supabase has said so by itself, through the webhook."""
        await self._learn(subject, AccountState(state, self._clock()))

    def record_sign_in(self, subject: Subject, session: Mapping[str, Any]) -> tuple[Write, ...]:
        """A person has signed in here. session: Supabase's answer. → what to write with the sign-in session."""
        now = self._clock()
        self._just_seen[subject] = now
        known = AccountState(State.ACTIVE, now, AccountReport.from_user(session.get("user"), now).has_factor)
        keeping = None if self._held is None else self._held.prepare_keep(subject, session)

        def write_state(connection: Connection) -> None:
            put_state(connection, subject, known)

        return (write_state,) if keeping is None else (write_state, keeping)

    async def sweep(self) -> None:
        """Ask about those who have access and were not asked about for long; forget what is known of everybody else.

        A round is bounded; the next one goes on where it ended, on whichever node. Raises Outage."""
        overdue = await self._states.overdue(self._clock() - _OVERDUE, _ROUND)
        have_access = await self._access_end.select_with_access(overdue)
        for subject in overdue:
            if subject not in have_access or await self._ask(subject) is None:
                await self._states.forget(subject)
                if self._held is not None:
                    await self._held.forget(subject)

    async def close(self) -> None:
        """Ask no further."""
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _ask_or(self, subject: Subject, known: AccountState) -> AccountReport | None:
        if self._clock() < self._paused_until:
            return _as_known(known)
        try:
            return await self._ask(subject)
        except ProviderUnavailable:
            return _as_known(known)

    async def _ask(self, subject: Subject) -> AccountReport | None:
        """None: there is nobody to ask."""
        return await asyncio.shield(self._begin(subject))

    def _begin(self, subject: Subject) -> "asyncio.Task[AccountReport | None]":
        """One question a person at a time; whoever comes meanwhile waits for its answer."""
        task = self._asking.get(subject)
        if task is None:
            task = asyncio.create_task(self._find_out(subject))
            self._asking[subject] = task
            task.add_done_callback(lambda done: self._done(subject, done))
        return task

    def _done(self, subject: Subject, task: "asyncio.Task[AccountReport | None]") -> None:
        del self._asking[subject]
        # In the background nobody waits for the error; those who do have been told.
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), Outage):
            log.error("liveness_failed", error=repr(task.exception()))

    async def _find_out(self, subject: Subject) -> AccountReport | None:
        asked_at = self._clock()
        try:
            look = await self._look(subject, asked_at)
        except ProviderUnavailable as outage:
            self._paused_until = self._clock() + _PAUSE
            log.warning("liveness_unavailable", cause=str(outage))
            raise
        if look is None:
            return None
        await self._learn(subject, AccountState(look.state, asked_at, look.has_factor))
        if look.signed_out:
            await self._access_end.end_grants(subject, "supabase_signed_out")
        return look

    async def _look(self, subject: Subject, now: datetime) -> AccountReport | None:
        """The session of somebody tells most; who has none is asked for by name."""
        look = None if self._held is None else await self._held.fetch_report(subject)
        if look is None and self._admin is not None:
            look = AccountReport.from_user(await self._admin.get_user(subject), now)
        return look

    async def _learn(self, subject: Subject, known: AccountState) -> None:
        self._just_seen.pop(subject, None)
        if known.state is State.DELETED:
            # First: until it is written down that the person is gone, whoever asks finds out again.
            await self._access_end.remove_links(subject)
        await self._states.put(subject, known)
        if known.state is State.ACTIVE:
            self._just_seen[subject] = known.checked_at
        else:
            # Also where that was known: an outage may have come between the state and the end of access.
            await self._access_end.end_everything(subject, f"supabase_{known.state}")


def _presence(look: AccountReport | None) -> Presence:
    """Where there is nobody to ask, somebody of whom nothing bad is known counts as there."""
    if look is None:
        return Presence(is_active=True)
    return Presence(look.state is State.ACTIVE, bool(look.has_factor))


def _as_known(known: AccountState) -> AccountReport:
    return AccountReport(known.state, has_factor=known.has_factor)
