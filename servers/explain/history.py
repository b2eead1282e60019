"""The stories of attempts to connect, put together from what has been written down of them.

Each attempt has one, also where many people share a client. Whatever is asked for, a bounded part of what there is gets
read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from oauth.flow_history.correlation import TOGETHER
from oauth.flow_history.events import FlowStep
from oauth.foundation.vocabulary import Step
from oauth.stores.ports import FlowHistory, FlowStepQuery, FlowStepQueryField

MOST_TOLD = 10
MOST_STEPS = 500  # that one question to the store is answered with
_MOST_LIKELY_FLOWS = 10

# What an app does by itself, before a browser comes.
_BEFORE_A_BROWSER = frozenset(
    {Step.CHALLENGED, Step.RESOURCE_METADATA, Step.SERVER_METADATA, Step.REGISTERED, Step.PUSHED}
)
_BEFORE_SIGN_IN = _BEFORE_A_BROWSER | {Step.AUTHORIZATION_REQUESTED}
_OF_A_PERSON = frozenset({Step.AUTHORIZATION_REQUESTED, Step.SIGNED_IN, Step.CONSENTED})


@dataclass(frozen=True, slots=True)
class ConnectionAttempt:
    """flow_id: by which it is known. steps: oldest first. likely: those that only come from the same network, shortly
    before. is_cut: it has older steps than these."""

    flow_id: str
    steps: tuple[FlowStep, ...]
    likely: frozenset[FlowStep] = frozenset()
    is_cut: bool = False

    @property
    def flow_ids(self) -> frozenset[str]:
        """The node that it began at may have called it otherwise."""
        return frozenset(step.flow_id for step in self.steps if step not in self.likely)

    @property
    def last_taken(self) -> FlowStep | None:
        """How far it came."""
        return next((step for step in reversed(self.steps) if step.reason is None), None)

    @property
    def last_refusal(self) -> FlowStep | None:
        """What stopped it, unless it went on after that."""
        order = list(Step)
        for step in reversed(self.steps):
            if step.reason is not None:
                return step
            # What comes before it in every attempt, such as reading metadata again, is no way past it.
            refused = [each for each in self.steps if each.reason is not None]
            if not refused or order.index(step.step) >= order.index(refused[-1].step):
                return None
        return None


@dataclass(frozen=True, slots=True)
class ConnectionAttempts:
    """told: newest first. more: how many others there are, or at least that many where they are not all counted."""

    told: tuple[ConnectionAttempt, ...]
    more: int = 0
    are_counted: bool = True


async def find_attempts(name: str, history: FlowHistory) -> ConnectionAttempts:
    """Of the flow, grant, client or request that is called so: one, unless several had to do with it."""
    flow_ids, are_counted = await _flows_called(name, history)
    told: list[ConnectionAttempt] = []
    covered: set[str] = set()
    for flow_id in flow_ids:
        if flow_id not in covered and len(told) < MOST_TOLD:
            told.append(await _story_of(flow_id, history))
            covered |= told[-1].flow_ids
    return ConnectionAttempts(tuple(told), sum(flow_id not in covered for flow_id in flow_ids), are_counted)


async def _flows_called(name: str, history: FlowHistory) -> tuple[Sequence[str], bool]:
    """→ their ids, newest first, and whether those are all.

    Ours: who sends us somebody's flow or grant id, as a client's or a request's, gets into no story with it."""
    for by in _MADE_HERE:
        steps = await history.find(FlowStepQuery(by, name), MOST_STEPS)
        if steps:
            return _newest_first(steps), True
    of_client = await history.find(FlowStepQuery("client_id", name), MOST_STEPS)
    of_request = await history.find(FlowStepQuery("request_id", name), MOST_STEPS)
    are_all = max(len(of_client), len(of_request)) < MOST_STEPS
    return _newest_first(sorted([*of_client, *of_request], key=lambda step: step.recorded_at)), are_all


_MADE_HERE: tuple[FlowStepQueryField, ...] = ("flow_id", "grant_id")


def _newest_first(steps: Sequence[FlowStep]) -> Sequence[str]:
    return list(dict.fromkeys(step.flow_id for step in reversed(steps)))


async def _story_of(flow_id: str, history: FlowHistory) -> ConnectionAttempt:
    own = await _steps_of(flow_id, history)
    later = await _went_on(own, history)
    if later is not None:
        whole = await _beginning_with(later, await _steps_of(later, history), history)
        if flow_id in whole.flow_ids:
            return whole
    return await _beginning_with(flow_id, own, history)


async def _steps_of(flow_id: str, history: FlowHistory) -> Sequence[FlowStep]:
    return await history.find(FlowStepQuery("flow_id", flow_id), MOST_STEPS)


async def _beginning_with(flow_id: str, own: Sequence[FlowStep], history: FlowHistory) -> ConnectionAttempt:
    """With what led to it at other nodes."""
    steps = [*await _registration(own, history), *own]
    likely = await _likely(steps, history)
    told = sorted([*likely, *steps], key=lambda step: step.recorded_at)
    return ConnectionAttempt(flow_id, tuple(told), frozenset(likely), is_cut=len(own) == MOST_STEPS)


async def _went_on(own: Sequence[FlowStep], history: FlowHistory) -> str | None:
    """The flow in which the browser came for a client that registered in this one, at another node."""
    registered = next((step for step in reversed(own) if _is_registration(step)), None)
    if registered is None or _is_under_way(own):
        return None
    since = registered.recorded_at
    of_client = await _of_client(registered.client_id or "", since, since + TOGETHER, history)
    return next((step.flow_id for step in of_client if step.step is Step.AUTHORIZATION_REQUESTED), None)


async def _registration(own: Sequence[FlowStep], history: FlowHistory) -> Sequence[FlowStep]:
    """What was done at another node until a client had registered that then came here."""
    client_id, start = _client_of(own), own[0].recorded_at
    if client_id is None or any(step.step is Step.REGISTERED for step in own):
        return ()
    of_client = await _of_client(client_id, start - TOGETHER, start, history)
    registered = next((step for step in reversed(of_client) if _is_registration(step)), None)
    if registered is None:
        return ()
    steps = await _steps_of(registered.flow_id, history)
    return () if _is_under_way(steps) else [step for step in steps if step.recorded_at <= start]


async def _likely(steps: Sequence[FlowStep], history: FlowHistory) -> Sequence[FlowStep]:
    """What came from the same network shortly before, of an app that is not known to be another."""
    if any(step.step is Step.CHALLENGED for step in steps):
        return ()
    client_id, start = _client_of(steps), steps[0].recorded_at
    own = {step.flow_id for step in steps}
    likely: list[FlowStep] = []
    networks = dict.fromkeys(step.network for step in steps if step.step in _BEFORE_SIGN_IN)
    for network in networks:
        if network is None:
            continue
        before = await history.find(FlowStepQuery("network", network, start - TOGETHER, start), MOST_STEPS)
        for flow_id in [each for each in _newest_first(before) if each not in own][:_MOST_LIKELY_FLOWS]:
            whole = await _steps_of(flow_id, history)
            if not _is_under_way(whole) and _clients(whole) <= {client_id}:
                likely += [step for step in before if step.flow_id == flow_id]
    return likely


async def _of_client(client_id: str, since: datetime, until: datetime, history: FlowHistory) -> Sequence[FlowStep]:
    return await history.find(FlowStepQuery("client_id", client_id, since, until), MOST_STEPS)


def _is_registration(step: FlowStep) -> bool:
    """Which only we can have said."""
    return step.step is Step.REGISTERED and step.reason is None and step.client_id is not None


def _is_under_way(steps: Iterable[FlowStep]) -> bool:
    """Has a person come, or a token been given? Then it is an attempt of its own."""
    return any(step.step in _OF_A_PERSON or (step.grant_id is not None and step.reason is None) for step in steps)


def _client_of(steps: Iterable[FlowStep]) -> str | None:
    return next((step.client_id for step in steps if step.client_id is not None), None)


def _clients(steps: Iterable[FlowStep]) -> set[str]:
    return {step.client_id for step in steps if step.client_id is not None}
