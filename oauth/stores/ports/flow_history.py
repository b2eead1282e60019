"""The recorded steps of attempts to connect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from oauth.flow_history.events import FlowStep

FlowStepQueryField = Literal["flow_id", "client_id", "grant_id", "request_id", "network"]


@dataclass(frozen=True, slots=True)
class FlowStepQuery:
    """Steps whose column `field` equals `value`, recorded between `since` and `until`, both included."""

    field: FlowStepQueryField
    value: str | bytes
    since: datetime | None = None
    until: datetime | None = None


class FlowHistory(Protocol):
    """Steps, kept for seven days and at most a million."""

    async def add(self, steps: Sequence[FlowStep]) -> None:
        """Record steps."""
        ...

    async def find(self, query: FlowStepQuery, limit: int) -> Sequence[FlowStep]:
        """The newest matching steps, oldest first. Reads no more than `limit` rows."""
        ...
