"""Checks the components that the service depends on, for the status tools and GET /ready."""

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
    """The health of one component, or of the whole service."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Status:
    """The health of each component.

    database: whether it answers.
    keys: whether there are keys to sign tokens with.
    sign_in: whether Supabase answers."""

    database: Health
    keys: Health
    sign_in: Health

    @property
    def overall(self) -> Health:
        """Down without database or keys; degraded without Supabase, since issued tokens keep working (D-16)."""
        if Health.DOWN in {self.database, self.keys}:
            return Health.DOWN
        return Health.OPERATIONAL if self.sign_in is Health.OPERATIONAL else Health.DEGRADED


class StatusProbe:
    """Checks each component. Remembers the health of Supabase for 10 seconds, so that callers cannot flood it."""

    def __init__(self, upkeep: Upkeep, key_ring: KeyRing, supabase: SupabaseClient, clock: Clock) -> None:
        self._upkeep = upkeep
        self._key_ring = key_ring
        self._supabase = supabase
        self._clock = clock
        self._checked_at = clock() - _REMEMBERED
        self._sign_in = Health.DOWN
        self._checking = asyncio.Lock()

    async def check_local(self) -> tuple[Health, Health]:
        """The health of the database and of the keys, which readiness depends on."""
        try:
            await self._upkeep.check()
            database = Health.OPERATIONAL
        except Outage:
            database = Health.DOWN
        return database, Health.OPERATIONAL if self._key_ring.keys.all else Health.DOWN

    async def check_all(self) -> Status:
        """The health of every component."""
        database, keys = await self.check_local()
        return Status(database, keys, await self._check_supabase())

    async def _check_supabase(self) -> Health:
        async with self._checking:
            if self._clock() - self._checked_at >= _REMEMBERED:
                try:
                    await self._supabase.request("GET", "/health")
                    self._sign_in = Health.OPERATIONAL
                except Outage:
                    self._sign_in = Health.DOWN
                self._checked_at = self._clock()
        return self._sign_in


_REMEMBERED = timedelta(seconds=10)
