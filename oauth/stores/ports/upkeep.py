"""Housekeeping."""

from datetime import datetime
from typing import Protocol


class Upkeep(Protocol):
    """Deleting what has expired, and a look at the database."""

    async def sweep(self, now: datetime, limit: int) -> int:
        """Delete expired rows, at most `limit` of each kind, each kind in its own transaction. → rows deleted."""
        ...

    async def check(self) -> None:
        """Ask the database for an answer; raises StoreUnavailable."""
        ...
