"""The periodic tasks of a node, such as reading revocations and signing keys, and deleting expired rows."""

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

# Rows become visible later than the time that they record, and the clocks of nodes differ.
_OVERLAP = timedelta(minutes=2)
_SWEEP_ROWS = 500
_MAX_SIGHTINGS = 10_000


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often a node runs each of its periodic tasks. The documentation promises the defaults.

    revocations: reads what other nodes revoked; D-6 promises 5 s.
    signing_keys: reads the signing keys.
    sightings: writes the first uses of access tokens.
    flow_history: writes the steps of attempts to connect.
    request_counts: exchanges request counts with other nodes.
    sweep: deletes expired rows.
    account_states: asks Supabase about idle users who have access.
    deletions: finishes account deletions that an outage interrupted.
    client_documents: fetches the metadata documents of clients that trusted issuers may name.
    open_streams: checks that the user of each open stream or socket still has access."""

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
        """Read the new revocations; the first time, all that still matter."""
        now = self._clock()
        self._revocations.add_all(await self._recorded.recorded_after(self._read_until, now), now)
        self._read_until = now - _OVERLAP


class SightingQueue:
    """The first uses of first-party tokens, until they are written to the store (D-8).

    A crash may lose some; a later replay of their refresh tokens then looks like a retry."""

    def __init__(self, grants: ports.Grants, clock: Clock) -> None:
        self._grants = grants
        self._clock = clock
        self._waiting: set[Sighting] = set()

    def add(self, token: AccessToken) -> None:
        """Queue the first use of a token; dropped where the queue is full."""
        generation = access_token.generation_of(token.token_id)
        if generation is not None and len(self._waiting) < _MAX_SIGHTINGS:
            self._waiting.add(Sighting(token.grant_id, generation))

    async def flush(self) -> None:
        """Write the queue to the store. Raises StoreUnavailable; the queue then stays."""
        batch = frozenset(self._waiting)
        if batch:
            await self._grants.mark_seen(batch, self._clock())
            self._waiting -= batch


@asynccontextmanager
async def run_periodic_tasks(
    upkeep: ports.Upkeep,
    key_ring: KeyRing,
    feed: RevocationFeed,
    sightings: SightingQueue,
    clock: Clock,
    intervals: Intervals,
) -> AsyncIterator[None]:
    """Run the tasks on revocations, keys, sightings and expired rows while the context is open.

    Writes the remaining sightings when it closes."""

    async def sweep() -> None:
        swept = _SWEEP_ROWS
        while swept >= _SWEEP_ROWS:
            swept = await upkeep.sweep(clock(), _SWEEP_ROWS)
            await asyncio.sleep(0.1)  # leaves time for other writers

    async def reload_keys() -> None:
        await key_ring.load(clock())

    tasks = [
        asyncio.create_task(_repeat(interval, work))
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
async def write_flow_history(writer: FlowHistoryWriter, interval: timedelta) -> AsyncIterator[None]:
    """Write the recorded steps while the context is open, and the remaining ones when it closes."""
    async with run_periodically(interval, writer.write_down):
        yield
    try:
        await writer.write_down()
    except Outage as outage:
        log.warning("flow_steps_lost", cause=str(outage))


@asynccontextmanager
async def exchange_request_counts(
    limiter: RateLimiter | None, attempts: ports.Attempts, interval: timedelta
) -> AsyncIterator[None]:
    """Exchange the request counts of busy clients with other nodes while the context is open."""

    async def exchange_counts() -> None:
        if limiter is not None:
            await limiter.exchange(attempts)

    async with run_periodically(interval, exchange_counts):
        yield


@asynccontextmanager
async def prefetch_client_documents(
    documents: MetadataDocuments, urls: Sequence[str], interval: timedelta
) -> AsyncIterator[MetadataDocuments]:
    """Fetch the clients at these URLs in advance, since a token request fetches nothing (D-8). → the same documents."""

    async def look_up() -> None:
        for url in urls:
            await documents.client(url)

    async with run_periodically(interval, look_up, at_once=True):
        yield documents


@asynccontextmanager
async def run_periodically(
    interval: timedelta, work: Callable[[], Awaitable[None]], *, at_once: bool = False
) -> AsyncIterator[None]:
    """Call `work` after each interval while the context is open.

    at_once: also call it at the beginning."""
    task = asyncio.create_task(_repeat(interval, work, at_once=at_once))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _repeat(interval: timedelta, work: Callable[[], Awaitable[None]], *, at_once: bool = False) -> None:
    """Call `work` after each interval, forever. An outage or a bug is logged and does not end the loop."""
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
