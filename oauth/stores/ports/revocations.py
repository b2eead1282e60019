"""Revocations, by which nodes tell each other what ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from oauth.protocol.models import Revocation


class Revocations(Protocol):
    """Revocations of grants, access tokens and people."""

    async def add(self, revocation: Revocation) -> None:
        """Publish the revocation of one access token, or that a person's state changed."""
        ...

    async def recorded_after(self, instant: datetime, now: datetime) -> Sequence[Revocation]:
        """Revocations that were recorded after an instant and still matter."""
        ...
