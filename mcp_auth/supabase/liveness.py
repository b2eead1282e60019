"""End access here within a minute of a ban, deletion or global sign-out at Supabase (D-14).

A fresh stored state answers at once. The state of an active person is renewed in the background before it gets old. In
an outage of Supabase the last known state holds (D-16)."""

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

# D-14: an active state is believed for this long.
FRESH = timedelta(seconds=60)
# An older state is renewed in the background. With the 45 s for which an access status is cached it stays fresh.
_RECENT = timedelta(seconds=10)
# No requests for this long after a failure: calls must not wait for one timeout after another.
_PAUSE = timedelta(seconds=15)
_MAX_ENTRIES = 10_000
# The sweep checks people who have access but make no calls.
SWEEP = timedelta(minutes=1)
_OVERDUE = timedelta(hours=1)
_SWEEP_SIZE = 100


class AccessEnd(Protocol):
    """Ends the access of a person. reason: for the log. Every method is idempotent and raises StoreUnavailable."""

    async def end_everything(self, subject: Subject, reason: str) -> None:
        """End all grants and sign-in sessions, and revoke every token issued until now, Supabase's included."""
        ...

    async def end_grants(self, subject: Subject, reason: str) -> None:
        """End all grants and sign-in sessions, which are ours. Supabase is asked about its own tokens separately."""
        ...

    async def remove_links(self, subject: Subject) -> None:
        """Remove the links from identity providers to a deleted account."""
        ...

    async def select_with_access(self, subjects: Collection[Subject]) -> Collection[Subject]:
        """→ those of the people who have a live grant or a signed-in browser."""
        ...


class Liveness:
    """Tracks the state of accounts at Supabase.

    vault: None if sessions are not followed.
    admin: None without a secret key.
    states: the last known state of each person, shared by all nodes.
    access_end: called when an account is banned, deleted or signed out.
    outage_tolerance: how long a state holds in an outage.

    The state comes from the person's session in the vault, or else from the admin API. If there is neither, only the
    webhook changes it."""

    def __init__(
        self,
        vault: SessionVault | None,
        admin: SupabaseAdmin | None,
        states: AccountStates,
        access_end: AccessEnd,
        clock: Clock,
        outage_tolerance: timedelta,
    ) -> None:
        self._vault = vault
        self._admin = admin
        self._states = states
        self._access_end = access_end
        self._clock = clock
        self._outage_tolerance = outage_tolerance
        self._paused_until = clock()
        self._requests: dict[Subject, asyncio.Task[AccountReport | None]] = {}
        self._last_seen_active: BoundedCache[Subject, datetime] = BoundedCache(_MAX_ENTRIES)

    async def presence(self, subject: Subject) -> Presence:
        """→ the state of the person, for a call with a token. Asks Supabase only if the stored state is not fresh.

        Raises StoreUnavailable; ProviderUnavailable if no state is stored and Supabase does not answer."""
        stored = await self._states.get(subject)
        if stored is None:
            return _to_presence(await self._ask(subject))
        if stored.state is State.ACTIVE:
            age = self._clock() - stored.checked_at
            if age > FRESH:
                return _to_presence(await self._ask_or_keep(subject, stored))
            if age > _RECENT:
                self._start_request(subject)
        return _to_presence(_to_report(stored))

    async def confirm(self, subject: Subject) -> bool:
        """→ whether the person is active and has not signed out. For lasting access, such as a refresh: asks Supabase
        unless the state is recent. True if there is no source to ask: the access status covers the stored state.

        Raises StoreUnavailable; ProviderUnavailable if Supabase does not answer and the state is older than
        `outage_tolerance`."""
        if self._admin is None and self._vault is None:
            return True
        now = self._clock()
        # Concurrent refreshes of one person, and the refresh after a sign-in, need no read.
        if subject in self._last_seen_active and now - self._last_seen_active[subject] <= _RECENT:
            return True
        stored = await self._states.get(subject)
        if stored is not None and stored.state is not State.ACTIVE:
            return False
        if stored is not None and now - stored.checked_at <= _RECENT:
            self._last_seen_active[subject] = stored.checked_at
            return True
        if stored is None or now - stored.checked_at > self._outage_tolerance:
            report = await self._ask(subject)
        else:
            report = await self._ask_or_keep(subject, stored)
        if report is None:
            # There is no source to ask about this person, and there will be none in the next seconds.
            self._last_seen_active[subject] = now
        return report is None or (report.state is State.ACTIVE and not report.signed_out)

    async def record_state(self, subject: Subject, state: State) -> None:
        """Store a state that the webhook announced, and end access accordingly. Raises StoreUnavailable."""
        await self._apply_state(subject, AccountState(state, self._clock()))

    def record_sign_in(self, subject: Subject, session: Mapping[str, Any]) -> tuple[Write, ...]:
        """Record that a person has signed in here. → the writes for the transaction of the sign-in session.

        session: the body of Supabase's answer."""
        now = self._clock()
        self._last_seen_active[subject] = now
        state = AccountState(State.ACTIVE, now, AccountReport.from_user(session.get("user"), now).has_factor)
        keep_session = None if self._vault is None else self._vault.prepare_keep(subject, session)

        def write_state(connection: Connection) -> None:
            put_state(connection, subject, state)

        return (write_state,) if keep_session is None else (write_state, keep_session)

    async def sweep(self) -> None:
        """Renew overdue states of people with access. Forget the states and sessions of all others.

        Handles at most `_SWEEP_SIZE` people, the longest overdue first; the next sweep, on any node, continues. Raises
        Outage."""
        overdue = await self._states.overdue(self._clock() - _OVERDUE, _SWEEP_SIZE)
        with_access = await self._access_end.select_with_access(overdue)
        for subject in overdue:
            if subject not in with_access or await self._ask(subject) is None:
                await self._states.forget(subject)
                if self._vault is not None:
                    await self._vault.forget(subject)

    async def close(self) -> None:
        """Cancel the requests that are running."""
        for task in list(self._requests.values()):
            task.cancel()
        await asyncio.gather(*self._requests.values(), return_exceptions=True)

    async def _ask_or_keep(self, subject: Subject, stored: AccountState) -> AccountReport | None:
        """→ as _ask, but the stored state in an outage of Supabase."""
        if self._clock() < self._paused_until:
            return _to_report(stored)
        try:
            return await self._ask(subject)
        except ProviderUnavailable:
            return _to_report(stored)

    async def _ask(self, subject: Subject) -> AccountReport | None:
        """→ Supabase's report; None without a source. Concurrent calls for a person share one request."""
        return await asyncio.shield(self._start_request(subject))

    def _start_request(self, subject: Subject) -> "asyncio.Task[AccountReport | None]":
        """→ the running request for the person, or a new one."""
        task = self._requests.get(subject)
        if task is None:
            task = asyncio.create_task(self._renew(subject))
            self._requests[subject] = task
            task.add_done_callback(lambda done: self._finish_request(subject, done))
        return task

    def _finish_request(self, subject: Subject, task: "asyncio.Task[AccountReport | None]") -> None:
        del self._requests[subject]
        # Reading the exception also keeps asyncio from reporting it for a request that no caller awaits.
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), Outage):
            log.error("liveness_failed", error=repr(task.exception()))

    async def _renew(self, subject: Subject) -> AccountReport | None:
        """Ask Supabase and apply its answer."""
        asked_at = self._clock()
        try:
            report = await self._fetch_report(subject, asked_at)
        except ProviderUnavailable as outage:
            self._paused_until = self._clock() + _PAUSE
            log.warning("liveness_unavailable", cause=str(outage))
            raise
        if report is None:
            return None
        await self._apply_state(subject, AccountState(report.state, asked_at, report.has_factor))
        if report.signed_out:
            await self._access_end.end_grants(subject, "supabase_signed_out")
        return report

    async def _fetch_report(self, subject: Subject, now: datetime) -> AccountReport | None:
        """Ask with the person's session, which also tells of a sign-out. Without a session, ask the admin API."""
        report = None if self._vault is None else await self._vault.fetch_report(subject)
        if report is None and self._admin is not None:
            report = AccountReport.from_user(await self._admin.get_user(subject), now)
        return report

    async def _apply_state(self, subject: Subject, state: AccountState) -> None:
        self._last_seen_active.pop(subject, None)
        if state.state is State.DELETED:
            # Before the state is stored: if this fails, the next check finds the deletion again and retries.
            await self._access_end.remove_links(subject)
        await self._states.put(subject, state)
        if state.state is State.ACTIVE:
            self._last_seen_active[subject] = state.checked_at
        else:
            # Also for a state that was stored before: an outage can have prevented the end of access then.
            await self._access_end.end_everything(subject, f"supabase_{state.state}")


def _to_presence(report: AccountReport | None) -> Presence:
    """→ the presence; active without a report, since no source says otherwise."""
    if report is None:
        return Presence(is_active=True)
    return Presence(report.state is State.ACTIVE, bool(report.has_factor))


def _to_report(stored: AccountState) -> AccountReport:
    return AccountReport(stored.state, has_factor=stored.has_factor)
