"""The story of each attempt to connect, from the first refusal to the first call: noted as it happens, in memory, and
written down in the background. `mcp-auth explain` tells it.

Nothing of it is needed for anything else: a crash loses a second of it, a flood fills no table with it."""

import base64
import hmac
import re
from collections import Counter, OrderedDict
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from oauth.clock import Clock
from oauth.credentials import Entropy
from oauth.vocabulary import Digest

KEPT = timedelta(days=7)
# What comes from one network within this time belongs together; and a step that repeats is one step.
TOGETHER = timedelta(minutes=10)
_MOST_OPEN = 10_000
_MOST_WAITING = 5_000
_MINUTE, _MOST_A_MINUTE, _MOST_OF_A_NETWORK = timedelta(minutes=1), 1_000, 60
# What could be a client's id, and is no secret of ours that somebody sent in its place.
_CLIENT_ID = re.compile(r"(?!(?:ac|rt|cs|ss|st|br|ar|rg|pr)_)(?:https://[!-~]{1,504}|[A-Za-z0-9._~-]{1,128})")
_ID_BYTES = 10


class Step(StrEnum):
    """How far an attempt has come. With a reason: where it did not go on."""

    CHALLENGED = "challenged"
    RESOURCE_METADATA = "resource_metadata"
    SERVER_METADATA = "server_metadata"
    REGISTERED = "registered"
    PUSHED = "pushed"
    AUTHORIZATION_REQUESTED = "authorization_requested"
    SIGNED_IN = "signed_in"
    CONSENTED = "consented"
    TOKEN_ISSUED = "token_issued"  # noqa: S105 - a step
    CALLED = "called"


@dataclass(frozen=True, slots=True)
class FlowStep:
    """reason: why the step was not taken, None where it was; with the error code and the sentence that were answered.
    network: a digest, keyed, of where it came from."""

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
    def expires_at(self) -> datetime:
        """When nobody asks any more."""
        return self.recorded_at + KEPT


@dataclass(slots=True)
class _Open:
    flow_id: str
    client_id: str | None
    until: datetime
    has_begun: bool


class Flows:
    """key: for digests of networks. Scopes are ASGI's, with `client_network` and `request_id`; flow and client are left
    in them, as `flow_id` and `flow_client_id`, for pages, the log and what is noted next."""

    def __init__(self, key: bytes, clock: Clock, entropy: Entropy) -> None:
        self._key = key
        self._clock = clock
        self._entropy = entropy
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._seen: OrderedDict[tuple[object, ...], datetime] = OrderedDict()
        self._waiting: list[FlowStep] = []
        self._minute = clock()
        self._in_minute: Counter[str] = Counter()

    def note(
        self,
        scope: MutableMapping[str, Any],
        step: Step,
        *,
        flow_id: str | None = None,
        client_id: str | None = None,
        grant_id: str | None = None,
        resource: str | None = None,
        reason: str | None = None,
        error: str | None = None,
        description: str | None = None,
    ) -> str:
        """→ the id of the flow. flow_id: where it is known; otherwise it is the one that the client or the network is
        in the middle of, or a new one."""
        now = self._clock()
        network = str(scope.get("client_network") or "")
        claimed = client_id or scope.get("flow_client_id")
        client_id = scope["flow_client_id"] = claimed if claimed and _CLIENT_ID.fullmatch(claimed) else None
        flow_id = scope["flow_id"] = flow_id or scope.get("flow_id") or self._current(network, client_id, step, now)
        self._keep_open(flow_id, network, client_id, step, now)
        same = (flow_id, step, reason, client_id, resource, grant_id)
        if self._is_new(same, network, now):
            self._waiting.append(
                FlowStep(
                    flow_id=flow_id,
                    recorded_at=now,
                    step=step,
                    reason=reason,
                    error=error,
                    description=description,
                    client_id=client_id,
                    resource=resource,
                    network=self.digest_of(network) if network else None,
                    request_id=scope.get("request_id"),
                    grant_id=grant_id,
                )
            )
        return flow_id

    def take(self) -> list[FlowStep]:
        """What waits to be written down."""
        taken, self._waiting = self._waiting, []
        return taken

    def give_back(self, steps: list[FlowStep]) -> None:
        """They could not be written down."""
        self._waiting[:0] = steps[: _MOST_WAITING - len(self._waiting)]

    def digest_of(self, network: str) -> Digest:
        """What is kept of where somebody came from."""
        return Digest(hmac.digest(self._key, network.encode("utf-8", "surrogatepass"), "sha256"))

    def _current(self, network: str, client_id: str | None, step: Step, now: datetime) -> str:
        for key in (f"client {client_id}" if client_id is not None else "", f"network {network}" if network else ""):
            found = self._open.get(key)
            if found is None or now >= found.until:
                continue
            # A browser that comes after another has come is another attempt, and maybe another person.
            if step is Step.AUTHORIZATION_REQUESTED and found.has_begun:
                break
            # Two apps behind one address are two flows.
            if client_id is None or found.client_id in {None, client_id} or step is Step.CHALLENGED:
                return found.flow_id
        return "fl_" + base64.b32encode(self._entropy(_ID_BYTES)).decode().lower()

    def _keep_open(self, flow_id: str, network: str, client_id: str | None, step: Step, now: datetime) -> None:
        keys = [f"network {network}"] if network else []
        # A published client is many people's; one that registered itself is in one flow at a time.
        if client_id is not None and step is not Step.CALLED and not client_id.startswith("https://"):
            keys.append(f"client {client_id}")
        for key in keys:
            known = self._open.pop(key, None)
            if step is Step.CALLED and client_id is not None:
                continue  # it has arrived: what comes next is another story
            if client_id is None and known is not None and known.flow_id == flow_id:
                client_id = known.client_id
            has_begun = step is Step.AUTHORIZATION_REQUESTED or (
                known is not None and known.flow_id == flow_id and known.has_begun
            )
            self._open[key] = _Open(flow_id, client_id, now + TOGETHER, has_begun)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)

    def _is_new(self, same: tuple[object, ...], network: str, now: datetime) -> bool:
        """Not a repetition, and not one too many."""
        until = self._seen.pop(same, now)
        self._seen[same] = until if now < until else now + TOGETHER
        if len(self._seen) > _MOST_OPEN:
            self._seen.popitem(last=False)
        if now - self._minute >= _MINUTE:
            self._minute, self._in_minute = now, Counter()
        if now < until or len(self._waiting) >= _MOST_WAITING:
            return False
        if self._in_minute.total() >= _MOST_A_MINUTE or (network and self._in_minute[network] >= _MOST_OF_A_NETWORK):
            return False
        self._in_minute[network] += 1
        return True
