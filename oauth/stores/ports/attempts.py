"""Counters of attempts, each with a window that begins with its first attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from oauth.foundation.vocabulary import Digest


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """count: attempts in the window so far. until: end of the window."""

    count: int
    until: datetime

    def seconds_left(self, now: datetime) -> int:
        """Seconds to the end of the window, at least 1, for Retry-After."""
        return max(1, -(-(self.until - now) // timedelta(seconds=1)))


class Attempts(Protocol):
    """Attempts to sign in, to guess a secret, to register, counted over all nodes."""

    async def count(self, keys: Sequence[Digest], now: datetime, window: timedelta) -> Sequence[AttemptCount]:
        """Count one more attempt for each key. → the count of each in its window, this attempt included."""
        ...

    async def add(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
        """Add to the counts of keys whose window ends at `until`. → the new counts."""
        ...

    async def forget(self, key: Digest) -> None:
        """Reset a counter."""
        ...
