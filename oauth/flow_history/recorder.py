"""The story of each attempt to connect, from the first refusal to the first call: noted as it happens, in memory, and
written down in the background. `mcp-auth explain` tells it.

Nothing of it is needed for anything else: a crash loses a second of it, a flood fills no table with it."""

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b

from oauth.flow_history.correlation import MOST_OPEN, TOGETHER, OpenFlows
from oauth.flow_history.events import FlowStep
from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import Entropy
from oauth.foundation.reason_codes import Reason
from oauth.foundation.request_context import RequestContext
from oauth.foundation.vocabulary import Digest, Step
from oauth.protocol.clients import id_url

# So often is a refusal written down that repeats within TOGETHER, so that each of them can be looked up; what is no
# refusal is written down once.
MOST_REPEATED = 5
_MOST_WAITING = 5_000
_MINUTE, _MOST_A_MINUTE, _MOST_OF_A_NETWORK = timedelta(minutes=1), 1_000, 60
_PROVEN = "grants"
# What could be a client's id, and is no secret of ours or of Supabase's that somebody sent in its place.
_CLIENT_ID = re.compile(r"(?!(?:ac|rt|cs|ss|st|br|ar|rg|pr|sb)_|eyJ)[A-Za-z0-9._~-]{1,128}")


class FlowRecorder:
    """Records steps in memory until they are taken and written.

    key: for keyed digests of networks. Flow and client are left in the request's context, for pages, the log and the
    steps that follow."""

    def __init__(self, key: bytes, clock: Clock, entropy: Entropy) -> None:
        self._key = key
        self._clock = clock
        self._open = OpenFlows(entropy)
        self._seen: BoundedCache[tuple[object, ...], tuple[datetime, int]] = BoundedCache(MOST_OPEN)
        self._waiting: list[FlowStep] = []
        self._minute = clock()
        self._in_minute: Counter[str] = Counter()

    def flow_of(self, context: RequestContext, step: Step, client_id: str) -> str:
        """→ the id of the flow that a step belongs to, before it is recorded."""
        if not context.flow_id:
            context.flow_id = self._open.flow_of(context.client_network, client_id, step, self._clock(), taken=True)
        return context.flow_id

    def record(
        self,
        context: RequestContext,
        step: Step,
        *,
        flow_id: str | None = None,
        client_id: str | None = None,
        grant_id: str | None = None,
        resource: str | None = None,
        reason: Reason | None = None,
        error: str | None = None,
        description: str | None = None,
    ) -> str:
        """Record a step; a reason makes it a refusal. → the id of the flow.

        flow_id: where the caller knows it; otherwise that of the request, or the one that the client or the network
        is in the middle of, or a new one."""
        now, network = self._clock(), context.client_network
        claimed = client_id or context.flow_client_id
        client_id = context.flow_client_id = claimed if claimed and _may_be_told(claimed) else None
        flow_id = flow_id or context.flow_id
        if not flow_id:
            flow_id = self._open.flow_of(network, client_id, step, now, taken=reason is None)
        context.flow_id = flow_id
        # A page that repeats a refusal is not a second refusal.
        if reason is not None and context.recorded == (step, reason):
            return flow_id
        context.recorded = (step, reason)
        self._add(
            FlowStep(
                flow_id=flow_id,
                recorded_at=now,
                step=step,
                reason=reason,
                error=error,
                description=description,
                client_id=client_id,
                resource=resource,
                network=None,
                request_id=context.request_id or None,
                grant_id=grant_id,
            ),
            network,
        )
        return flow_id

    def record_call(
        self,
        grant_id: str,
        *,
        resource: str | None,
        request_id: str | None,
        reason: Reason | None = None,
        description: str | None = None,
    ) -> None:
        """A call with a token of this grant, whose flow it belongs to, wherever that began."""
        step = FlowStep(
            flow_id="",
            recorded_at=self._clock(),
            step=Step.CALLED,
            reason=reason,
            error=None,
            description=description,
            client_id=None,
            resource=resource,
            network=None,
            request_id=request_id,
            grant_id=grant_id,
        )
        self._add(step, "")

    def new_id(self) -> str:
        """For a flow that nothing is known of."""
        return self._open.new_id()

    def take(self) -> list[FlowStep]:
        """What waits to be written down."""
        taken, self._waiting = self._waiting, []
        return taken

    def give_back(self, steps: list[FlowStep]) -> None:
        """They could not be written down."""
        self._waiting[:0] = steps[: _MOST_WAITING - len(self._waiting)]

    def _digest_of(self, network: str) -> Digest | None:
        """What is kept of where somebody came from."""
        if not network:
            return None
        return Digest(blake2b(network.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest())

    def _add(self, step: FlowStep, network: str) -> None:
        """To what waits, unless it is a repetition or one too many."""
        now = step.recorded_at
        same = (step.flow_id, step.step, step.reason, step.client_id, step.resource, step.grant_id)
        until, count = self._seen.get(same, (now, 0))
        if now >= until:
            until, count = now + TOGETHER, 0
        self._seen[same] = (until, count + 1)
        if count >= (MOST_REPEATED if step.is_refusal else 1) or len(self._waiting) >= _MOST_WAITING:
            return
        if now - self._minute >= _MINUTE:
            self._minute, self._in_minute = now, Counter()
        # What belongs to a grant is no stranger's: the people of a hosted assistant share its addresses (P-15).
        payer = network if step.grant_id is None else _PROVEN
        of_proven = self._in_minute[_PROVEN]
        if payer == _PROVEN:
            is_too_much = of_proven >= _MOST_A_MINUTE
        else:
            of_others = self._in_minute.total() - of_proven
            is_too_much = of_others >= _MOST_A_MINUTE or (bool(payer) and self._in_minute[payer] >= _MOST_OF_A_NETWORK)
        if not is_too_much:
            self._in_minute[payer] += 1
            self._waiting.append(replace(step, network=self._digest_of(network)))


def _may_be_told(client_id: str) -> bool:
    if id_url.is_url(client_id):
        return id_url.check(client_id) is None
    return _CLIENT_ID.fullmatch(client_id) is not None
