"""Which attempt to connect a request belongs to, as far as one process can tell: by who asks, and from where.

What names a client belongs to that client's attempt from that network. What names none belongs to what has begun there
and is nobody's yet. An id that is sent from elsewhere leads into nobody's attempt."""

import base64
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from oauth.foundation.credentials import Entropy
from oauth.foundation.vocabulary import Step

# What comes from one network within this time belongs together.
TOGETHER = timedelta(minutes=10)
MOST_OPEN = 10_000
_ID_BYTES = 10

_BEGINNINGS = frozenset(
    {
        Step.CHALLENGED,
        Step.RESOURCE_METADATA,
        Step.SERVER_METADATA,
        Step.REGISTERED,
        Step.PUSHED,
        Step.AUTHORIZATION_REQUESTED,
    }
)


@dataclass(slots=True)
class _Attempt:
    """is_under_way: a browser has come for it, or it needs none: what begins after that is another attempt, and maybe
    another person's."""

    flow_id: str
    until: datetime
    is_under_way: bool = False


class OpenFlows:
    """Attempts that may go on, by network and client; without a client while they are nobody's; and without a network
    where a client has registered itself, whose browser may come from elsewhere."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._open: OrderedDict[tuple[str, str | None], _Attempt] = OrderedDict()

    def flow_of(self, network: str, client_id: str | None, step: Step, now: datetime, *, taken: bool) -> str:
        """The id of the attempt that a step belongs to, or begins. taken: it was not refused."""
        attempt = self._find(network, client_id, step, now, taken=taken)
        if attempt is None:
            attempt = _Attempt(self.new_id(), now)
        attempt.until = now + TOGETHER
        if step is Step.AUTHORIZATION_REQUESTED or (taken and step in {Step.PUSHED, Step.TOKEN_ISSUED}):
            attempt.is_under_way = True
        self._keep(attempt, network, client_id)
        if taken and step is Step.REGISTERED and client_id is not None:
            self._keep(attempt, "", client_id)
        return attempt.flow_id

    def new_id(self) -> str:
        """That nobody can guess."""
        return "fl_" + base64.b32encode(self._entropy(_ID_BYTES)).decode().lower()

    def _find(self, network: str, client_id: str | None, step: Step, now: datetime, *, taken: bool) -> _Attempt | None:
        places: list[tuple[str, str | None]] = []
        if client_id is not None:
            places.append((network, client_id))
            if step is Step.AUTHORIZATION_REQUESTED:
                places.append(("", client_id))
        if network:
            places.append((network, None))
        begins = step in _BEGINNINGS or (taken and step is Step.TOKEN_ISSUED)
        for place in places:
            found = self._open.get(place)
            if found is not None and now < found.until and not (begins and found.is_under_way):
                return found
        return None

    def _keep(self, attempt: _Attempt, network: str, client_id: str | None) -> None:
        if not network and client_id is None:
            return
        # What is somebody's now is no longer anybody's.
        if client_id is not None and self._open.get((network, None)) is attempt:
            del self._open[network, None]
        self._open[network, client_id] = attempt
        self._open.move_to_end((network, client_id))
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
