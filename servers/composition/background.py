"""What a node does beside answering: hear of revocations, learn of keys, report sightings, forget the expired."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from mcp_auth.tokens.revocations import Revocations
from oauth.client_registry.metadata_documents import MetadataDocuments
from oauth.foundation.clock import Clock
from oauth.foundation.outages import Outage
from oauth.key_ring import KeyRing
from oauth.protocol import access_token
from oauth.protocol.access_token import AccessToken
from oauth.stores import ports
from oauth.stores.ports import Sighting
from servers.edge.rate_limit import RateLimiter
from servers.explain.recording import FlowHistoryWriter

log = structlog.get_logger()

# Transactions become visible later than the time they were recorded with, and clocks differ.
_OVERLAP = timedelta(minutes=2)
_SWEEP_ROWS = 500
_MOST_SIGHTINGS = 10_000


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often a node does each of its periodic tasks. The defaults are what the documentation promises.

    revocations: reads what other nodes revoked; D-6 promises 5 s.
    signing_keys: reads the signing keys.
    sightings: writes the first uses of access tokens.
    flow_history: writes the steps of attempts to connect.
    request_counts: exchanges request counts with other nodes.
    sweep: deletes expired rows.
    account_states: asks Supabase about people with access who are idle.
    deletions: finishes account deletions that an outage interrupted.
    client_documents: fetches the metadata documents of clients that trusted issuers may name.
    open_streams: asks whether the person behind an open stream or socket still has access."""

    revocations: timedelta = timedelta(seconds=2)
    signing_keys: timedelta = timedelta(seconds=60)
    sightings: timedelta = timedelta(seconds=1)
    flow_history: timedelta = timedelta(seconds=1)
    request_counts: timedelta = timedelta(seconds=2)
    sweep: timedelta = timedelta(seconds=60)
    account_states: timedelta = timedelta(seconds=60)
    deletions: timedelta = timedelta(seconds=60)
    client_documents: timedelta = timedelta(minutes=5)
    open_streams: timedelta = timedelta(seconds=2)


class RevocationFeed:
    """Copies revocations from the store into memory."""

    def __init__(self, recorded: ports.Revocations, revocations: Revocations, clock: Clock) -> None:
        self._recorded = recorded
        self._revocations = revocations
        self._clock = clock
        self._read_until = datetime.min.replace(tzinfo=clock().tzinfo)

    async def poll(self) -> None:
        """Read what is new; the first time, everything that still matters."""
        now = self._clock()
        self._revocations.add_all(await self._recorded.recorded_after(self._read_until, now), now)
        self._read_until = now - _OVERLAP


class SightingQueue:
    """First party tokens that were presented for the first time, until they are written down (D-8).

    Losing some to a crash only makes a later retry look more innocent than it was."""

    def __init__(self, grants: ports.Grants, clock: Clock) -> None:
        self._grants = grants
        self._clock = clock
        self._waiting: set[Sighting] = set()

    def add(self, token: AccessToken) -> None:
        """Remember to write it down."""
        generation = access_token.generation_of(token.token_id)
        if generation is not None and len(self._waiting) < _MOST_SIGHTINGS:
            self._waiting.add(Sighting(token.grant_id, generation))

    async def flush(self) -> None:
        """Write down what waits; what an outage kept from it waits on."""
        taken = frozenset(self._waiting)
        if taken:
            await self._grants.mark_seen(taken, self._clock())
            self._waiting -= taken


@asynccontextmanager
async def run_periodic_tasks(
    upkeep: ports.Upkeep,
    key_ring: KeyRing,
    feed: RevocationFeed,
    sightings: SightingQueue,
    clock: Clock,
    intervals: Intervals,
) -> AsyncIterator[None]:
    """All of it, while the context is open; at its end the sightings are written down once more."""

    async def sweep() -> None:
        swept = _SWEEP_ROWS
        while swept >= _SWEEP_ROWS:
            swept = await upkeep.sweep(clock(), _SWEEP_ROWS)
            await asyncio.sleep(0.1)  # let others write in between

    async def reload_keys() -> None:
        await key_ring.load(clock())

    tasks = [
        asyncio.create_task(_every(interval, work))
        for interval, work in (
            (intervals.revocations, feed.poll),
            (intervals.signing_keys, reload_keys),
            (intervals.sightings, sightings.flush),
            (intervals.sweep, sweep),
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await sightings.flush()
        except Outage as outage:
            log.warning("sightings_lost", cause=str(outage))


@asynccontextmanager
async def writing_flow_history(notes: FlowHistoryWriter, interval: timedelta) -> AsyncIterator[None]:
    """Write down what happens to those who connect, and at the end what is left."""
    async with repeating(interval, notes.write_down):
        yield
    try:
        await notes.write_down()
    except Outage as outage:
        log.warning("flow_steps_lost", cause=str(outage))


@asynccontextmanager
async def exchanging_request_counts(
    limiter: RateLimiter | None, attempts: ports.Attempts, interval: timedelta
) -> AsyncIterator[None]:
    """Exchange with other nodes what busy clients have asked for."""

    async def exchange_counts() -> None:
        if limiter is not None:
            await limiter.exchange(attempts)

    async with repeating(interval, exchange_counts):
        yield


@asynccontextmanager
async def fetching_client_documents(
    documents: MetadataDocuments, urls: Sequence[str], interval: timedelta
) -> AsyncIterator[MetadataDocuments]:
    """→ the same. Who is at these addresses is looked up before they come: a token request looks nothing up (D-8)."""

    async def look_up() -> None:
        for url in urls:
            await documents.client(url)

    async with repeating(interval, look_up, at_once=True):
        yield documents


@asynccontextmanager
async def repeating(
    interval: timedelta, work: Callable[[], Awaitable[None]], *, at_once: bool = False
) -> AsyncIterator[None]:
    """Do one thing again and again, while the context is open. at_once: also when it begins."""
    task = asyncio.create_task(_every(interval, work, at_once=at_once))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _every(interval: timedelta, work: Callable[[], Awaitable[None]], *, at_once: bool = False) -> None:
    """Do it again and again. An outage waits for the next time, a bug is logged and does not end the rest."""
    wait = 0.0 if at_once else interval.total_seconds()
    while True:
        await asyncio.sleep(wait)
        wait = interval.total_seconds()
        try:
            await work()
        except Outage as outage:
            log.warning("background_outage", work=work.__name__, cause=str(outage))
        except Exception:
            log.exception("background_error", work=work.__name__)
