"""A queue for work that costs others time: a few at a time, a bounded number waiting, the rest told to come back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from oauth.foundation.outages import Outage
from oauth.foundation.reason_codes import ReasonCode


class TooManyWaiting(Outage):
    """More wait than can be served soon; nothing was decided about this one."""

    reason = ReasonCode.TOO_MANY_WAITING


class AdmissionQueue:
    """at_once: how many are served at a time. most: how many may be there, waiting or served. what: they come for, for
    the log."""

    def __init__(self, what: str, at_once: int, most: int) -> None:
        self._what = what
        self._most = most
        self._there = 0
        self._places = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One's turn, in the order of arrival. Raises TooManyWaiting."""
        if self._there >= self._most:
            raise TooManyWaiting(f"too many are waiting for {self._what}")
        self._there += 1
        try:
            async with self._places:
                yield
        finally:
            self._there -= 1
