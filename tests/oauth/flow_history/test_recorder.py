"""What is kept of attempts to connect is bounded, and a flood drowns nobody who has got somewhere."""

import os

import pytest

from oauth.flow_history.correlation import MOST_OPEN
from oauth.flow_history.events import FlowStep
from oauth.flow_history.recorder import MOST_REPEATED, FlowRecorder
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import RequestContext
from oauth.foundation.vocabulary import Step
from tests.support.clock import SettableClock

A_MINUTE, OF_A_NETWORK, WAITING = 1_000, 60, 5_000


@pytest.fixture
def flows(clock: SettableClock) -> FlowRecorder:
    return FlowRecorder(b"k" * 32, clock, os.urandom)


def request(network: str = "", request_id: str = "r-1") -> RequestContext:
    return RequestContext(request_id=request_id, client_network=network)


def refuse(flows: FlowRecorder, network: str, client_id: str = "client_1") -> None:
    flows.record(request(network), Step.TOKEN_ISSUED, client_id=client_id, reason=ReasonCode.CODE_UNKNOWN)


def taken(flows: FlowRecorder, step: Step) -> list[FlowStep]:
    return [each for each in flows.take() if each.step is step]


def test_refusals_that_repeat_are_kept_with_their_request_ids_a_few_times(
    flows: FlowRecorder, clock: SettableClock
) -> None:
    for number in range(20):
        flows.record(request("here", f"r-{number}"), Step.CALLED, reason=ReasonCode.EXPIRED)
    assert [step.request_id for step in flows.take()] == [f"r-{number}" for number in range(MOST_REPEATED)]
    clock.advance(minutes=10)
    flows.record(request("here", "later"), Step.CALLED, reason=ReasonCode.EXPIRED)
    assert [step.request_id for step in flows.take()] == ["later"]


def test_what_is_no_refusal_is_kept_once(flows: FlowRecorder) -> None:
    for _ in range(20):
        flows.record(request("here"), Step.SERVER_METADATA)
    assert len(flows.take()) == 1


# P-15: a vendor's addresses are its users' in common.
def test_network_that_has_had_its_share_has_its_grants_told_all_the_same(flows: FlowRecorder) -> None:
    for number in range(OF_A_NETWORK * 2):
        refuse(flows, "vendor", f"invented-{number}")
    for number in range(OF_A_NETWORK * 2):
        flows.record(request("vendor"), Step.TOKEN_ISSUED, client_id="client_1", grant_id=f"gr_{number}")
        flows.record_call(f"gr_{number}", resource="/mcp", request_id=None)
    steps = flows.take()
    assert len([step for step in steps if step.reason is not None]) == OF_A_NETWORK
    assert len([step for step in steps if step.grant_id is not None]) == OF_A_NETWORK * 4


def test_flood_from_everywhere_leaves_room_for_grants(flows: FlowRecorder) -> None:
    for number in range(A_MINUTE + 500):
        refuse(flows, f"network {number}")
    flows.record_call("gr_1", resource="/mcp", request_id=None)
    steps = flows.take()
    assert len(steps) == A_MINUTE + 1
    assert steps[-1].grant_id == "gr_1"


def test_flood_fills_no_memory(flows: FlowRecorder, clock: SettableClock) -> None:
    for number in range(MOST_OPEN + 2_000):
        flows.record(request(f"network {number}"), Step.REGISTERED, client_id=f"client_{number}")
        if number % 500 == 0:
            clock.advance(minutes=1)
    assert len(flows._open._open) == MOST_OPEN
    assert len(flows._seen) == MOST_OPEN
    assert len(flows.take()) == WAITING
    # What an outage keeps waiting is no exception.
    flows.give_back([*flows.take(), *[_step()] * (WAITING + 1)])
    assert len(flows.take()) == WAITING


def test_flow_id_takes_eighty_random_bits(clock: SettableClock) -> None:
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    assert FlowRecorder(b"k", clock, entropy).record(request("here"), Step.CHALLENGED) == "fl_" + "a" * 16
    assert asked == [10]


def test_what_was_noted_of_a_request_is_there_for_its_log_and_pages(flows: FlowRecorder) -> None:
    asking = request("here")
    flow_id = flows.record(asking, Step.AUTHORIZATION_REQUESTED, client_id="client_1", reason=ReasonCode.UNKNOWN_SCOPE)
    assert (asking.flow_id, asking.flow_client_id) == (flow_id, "client_1")
    # The page that tells of it is no second refusal.
    flows.record(asking, Step.AUTHORIZATION_REQUESTED, reason=ReasonCode.UNKNOWN_SCOPE)
    assert len(flows.take()) == 1


# -- which attempt a request belongs to


def test_what_names_a_client_takes_over_what_has_begun_there_and_is_nobodys(flows: FlowRecorder) -> None:
    begun = flows.record(request("here"), Step.CHALLENGED)
    assert flows.record(request("here"), Step.REGISTERED, client_id="client_1") == begun
    assert flows.record(request("here"), Step.CHALLENGED) != begun
    assert flows.record(request("here"), Step.REGISTERED, client_id="client_2") != begun
    assert flows.record(request("here"), Step.AUTHORIZATION_REQUESTED, client_id="client_1") == begun


def test_second_browser_with_one_client_is_another_attempt(flows: FlowRecorder) -> None:
    ids = [flows.record(request("here"), Step.AUTHORIZATION_REQUESTED, client_id="client_1") for _ in range(3)]
    assert len(set(ids)) == 3


def test_second_person_whose_app_gets_the_same_registration_has_another_attempt(flows: FlowRecorder) -> None:
    """Two colleagues with one assistant behind one address: the same metadata from there is one client."""
    first, second = (
        [
            flows.record(request("office"), Step.CHALLENGED),
            flows.record(request("office"), Step.REGISTERED, client_id="client_1"),
            flows.record(request("office"), Step.AUTHORIZATION_REQUESTED, client_id="client_1"),
        ]
        for _ in range(2)
    )
    assert len(set(first)) == len(set(second)) == 1
    assert first != second


def test_browser_of_an_app_that_registered_elsewhere_comes_into_its_attempt_once(flows: FlowRecorder) -> None:
    registered = flows.record(request("vendor"), Step.REGISTERED, client_id="client_1")
    assert flows.record(request("home"), Step.AUTHORIZATION_REQUESTED, client_id="client_1") == registered
    assert flows.record(request("office"), Step.AUTHORIZATION_REQUESTED, client_id="client_1") != registered


def test_registration_that_was_refused_opens_nobodys_attempt(flows: FlowRecorder) -> None:
    refused = flows.record(request("vendor"), Step.REGISTERED, client_id="client_1", reason=ReasonCode.REDIRECT_HOST)
    assert flows.record(request("home"), Step.AUTHORIZATION_REQUESTED, client_id="client_1") != refused


def test_attempt_that_has_rested_for_ten_minutes_is_over(flows: FlowRecorder, clock: SettableClock) -> None:
    begun = flows.record(request("here"), Step.CHALLENGED)
    clock.advance(minutes=9)
    assert flows.record(request("here"), Step.SERVER_METADATA) == begun
    clock.advance(minutes=10)
    assert flows.record(request("here"), Step.SERVER_METADATA) != begun


def test_who_comes_from_no_network_that_is_known_shares_no_attempt(flows: FlowRecorder) -> None:
    assert flows.record(request(), Step.CHALLENGED) != flows.record(request(), Step.CHALLENGED)


def _step() -> FlowStep:
    flows = FlowRecorder(b"k", SettableClock(), os.urandom)
    flows.record(request("here"), Step.CHALLENGED)
    return flows.take()[0]
