"""Is everything that the service needs within reach? For the status tools and GET /ready."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from mcp_auth.supabase.client import SupabaseClient
from oauth.foundation.clock import Clock
from oauth.foundation.outages import Outage
from oauth.key_ring import KeyRing
from oauth.stores.ports import Upkeep


class Health(StrEnum):
    """Of one component, or of all."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Status:
    """sign_in: Supabase. keys: can tokens be signed?"""

    database: Health
    keys: Health
    sign_in: Health

    @property
    def overall(self) -> Health:
        """Down without database or keys; degraded without Supabase, because issued tokens go on working (D-16)."""
        if Health.DOWN in {self.database, self.keys}:
            return Health.DOWN
        return Health.OPERATIONAL if self.sign_in is Health.OPERATIONAL else Health.DEGRADED


class StatusProbe:
    """Asks each component; what Supabase said is remembered for a few seconds, so that nobody can ask it often."""

    def __init__(self, upkeep: Upkeep, key_ring: KeyRing, supabase: SupabaseClient, clock: Clock) -> None:
        self._upkeep = upkeep
        self._key_ring = key_ring
        self._supabase = supabase
        self._clock = clock
        self._asked_at = clock() - _REMEMBERED
        self._sign_in = Health.DOWN
        self._asking = asyncio.Lock()

    async def local(self) -> tuple[Health, Health]:
        """Database and keys: what readiness needs."""
        try:
            await self._upkeep.check()
            database = Health.OPERATIONAL
        except Outage:
            database = Health.DOWN
        return database, Health.OPERATIONAL if self._key_ring.keys.all else Health.DOWN

    async def all(self) -> Status:
        """Every component."""
        database, keys = await self.local()
        return Status(database, keys, await self._ask_supabase())

    async def _ask_supabase(self) -> Health:
        async with self._asking:
            if self._clock() - self._asked_at >= _REMEMBERED:
                try:
                    await self._supabase.request("GET", "/health")
                    self._sign_in = Health.OPERATIONAL
                except Outage:
                    self._sign_in = Health.DOWN
                self._asked_at = self._clock()
        return self._sign_in


_REMEMBERED = timedelta(seconds=10)
