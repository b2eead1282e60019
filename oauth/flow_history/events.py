"""The steps of an attempt to connect, as they are written down."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from oauth.foundation.vocabulary import Digest, Step

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class FlowStep:
    """flow_id: empty until the grant has been asked for it. reason: why the step was not taken, None where it was; with
    the error code and the sentence that were answered. network: a digest, keyed, of where it came from."""

    flow_id: str
    recorded_at: datetime
    step: Step
    reason: str | None
    error: str | None
    description: str | None
    client_id: str | None
    resource: str | None
    network: Digest | None
    request_id: str | None
    grant_id: str | None

    @property
    def is_refusal(self) -> bool:
        """Did somebody not get what they came for? A call without a token is told where to get one."""
        return self.reason is not None or self.step is Step.CHALLENGED

    @property
    def expires_at(self) -> datetime:
        """When nobody asks any more."""
        return self.recorded_at + KEPT
