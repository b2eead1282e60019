"""The story of a connection: every flow has an id, every refusal a reason, `mcp-auth explain` tells it (P-1, P-16)."""

import json
from datetime import timedelta

import pytest

from oauth.flow_history.events import FlowStep
from oauth.flow_history.recorder import MOST_REPEATED
from oauth.foundation.vocabulary import Step
from servers.commands.explain import render_text
from servers.explain import explanations
from servers.explain.history import ConnectionAttempt, ConnectionAttempts
from tests.support.app_person import AppPerson
from tests.support.builders import NOW
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.stories import (
    EVERYTHING,
    Eventually,
    count,
    discover,
    everything_written,
    flow_id_on,
    steps_of,
    stories,
    story,
    written,
)

ROUTES = "tests.support.rest_routes:add_routes"


# P-1
def test_whole_connection_has_one_id_from_the_first_401_to_the_first_call(
    gateway: Gateway, eventually: Eventually
) -> None:
    client = gateway.client()
    discover(client)
    client.register()
    tokens = gateway.tokens(client)
    assert client.call_tool(tokens["access_token"]).status_code == 200
    found = written(gateway, client.client_id, Step.CALLED, eventually)
    assert [step.step for step in found.steps] == EVERYTHING
    assert found.last_refusal is None
    assert len({step.flow_id for step in found.steps}) == 1
    assert steps_of(gateway, found.steps[0].flow_id) == EVERYTHING


def test_connection_that_stops_is_told_to_its_last_step(gateway: Gateway, eventually: Eventually, run: Run) -> None:
    client = gateway.client()
    discover(client)
    client.register()
    written(gateway, client.client_id, Step.REGISTERED, eventually)
    status, out, _ = run("explain", client.client_id, database_url=gateway.settings.database_url)
    assert status == 0
    assert "Last step reached: Registered itself" in out
    assert "The client has not opened a browser since" in out


# P-16
def test_page_of_a_refusal_shows_the_id_that_explains_it(gateway: Gateway, eventually: Eventually, run: Run) -> None:
    client = gateway.registered()
    page = gateway.browser().get(client.authorization_url(redirect_uri="https://app.example/other"))
    flow_id = flow_id_on(page)
    written(gateway, flow_id, Step.AUTHORIZATION_REQUESTED, eventually, "redirect_uri_mismatch")
    status, out, _ = run("explain", flow_id, "--json", database_url=gateway.settings.database_url)
    (told_as_json,) = json.loads(out)["stories"]
    assert (status, told_as_json["stopped_at"]) == (0, "redirect_uri_mismatch")
    assert told_as_json["last_step_reached"] == "registered"
    assert "mcp-auth clients show" in told_as_json["mend"]
    assert page.headers["x-request-id"] in out
    assert steps_of(gateway, page.headers["x-request-id"]) == steps_of(gateway, flow_id)


@pytest.mark.parametrize(
    ("refused_by", "step", "reason"),
    [
        ("registration", Step.REGISTERED, "redirect_uri_refused"),
        ("unknown client", Step.AUTHORIZATION_REQUESTED, "client_unknown"),
        ("challenge", Step.AUTHORIZATION_REQUESTED, "code_challenge_missing"),
        ("password", Step.SIGNED_IN, "wrong_credentials"),
        ("denial", Step.CONSENTED, "consent_denied"),
        ("role", Step.CONSENTED, "role_required"),
        ("verifier", Step.TOKEN_ISSUED, "code_verifier_mismatch"),
        ("token", Step.CALLED, "not_compact"),
    ],
)
def test_refusal_of_each_stage_is_told_with_its_reason(
    gateway: Gateway, eventually: Eventually, refused_by: str, step: Step, reason: str
) -> None:
    client, browser = gateway.registered(), gateway.browser()
    match refused_by:
        case "registration":
            refused = gateway.client().register(redirect_uris=["http://evil.example/cb"])
        case "unknown client":
            refused = browser.get(client.authorization_url(client_id="client_unknown"))
        case "challenge":
            refused = browser.get(client.authorization_url(code_challenge=None))
        case "password":
            refused = browser.sign_in(browser.get(client.authorization_url()), USER.email, "wrong")
        case "denial":
            page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
            refused = browser.decide(page, "deny")
        case "role":
            url = client.authorization_url(resource=f"{gateway.url}/mcp-admin", scope="mcp:admin")
            refused = browser.sign_in(browser.get(url), USER.email, USER.password)
        case "verifier":
            refused = client.redeem(gateway.code(client), code_verifier="w" * 43)
        case _:
            refused = client.call_tool("x")
    request_id = refused.headers["x-request-id"]
    eventually(lambda: story(gateway, request_id) is not None)
    found = story(gateway, request_id)
    assert found is not None
    (of_request,) = [each for each in found.steps if each.request_id == request_id and each.reason is not None]
    assert of_request.step is step
    assert of_request.reason == reason, of_request


def test_request_that_was_turned_away_after_connecting_is_explained_by_its_request_id(
    gateway: Gateway, eventually: Eventually, run: Run
) -> None:
    client = gateway.registered()
    token = gateway.tokens(client)["access_token"]
    refused = client.call_tool(token, "admin_system_status", "/mcp-admin")
    request_id = refused.headers["x-request-id"]
    written(gateway, request_id, Step.CALLED, eventually, "wrong_audience")
    _, out, _ = run("explain", request_id, database_url=gateway.settings.database_url)
    assert "The access token is for another resource." in out
    assert "it has to sign in for each" in out


def test_connection_over_two_nodes_is_one_story(
    gateway: Gateway, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    client = gateway.registered()
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as other:
        elsewhere = gateway.client_at(other.listens_at)
        elsewhere.client_id, elsewhere.verifier = client.client_id, client.verifier
        code = gateway.code(client)
        clock.advance(seconds=1)
        issued = elsewhere.redeem(code).json()
        clock.advance(seconds=1)
        assert elsewhere.call_tool(issued["access_token"]).status_code == 200
        # Each node writes down its own part, once a second.
        eventually(lambda: steps_of(gateway, client.client_id) == EVERYTHING[3:])


def test_what_the_network_did_shortly_before_is_told_as_probable(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    with running_gateway(sqlite_url, supabase, clock) as gateway:
        discover(gateway.client())
        eventually(lambda: count(gateway) == 3)
    # Another process knows nothing of it but what was written down.
    with running_gateway(sqlite_url, supabase, clock) as gateway:
        clock.advance(minutes=5)
        client = gateway.registered()
        found = written(gateway, client.client_id, Step.REGISTERED, eventually)
        assert [(step.step, step in found.likely) for step in found.steps] == [
            (Step.CHALLENGED, True),
            (Step.RESOURCE_METADATA, True),
            (Step.SERVER_METADATA, True),
            (Step.REGISTERED, False),
        ]
        assert "probably: same network" in render_text(ConnectionAttempts((found,)), explanations.load())


def test_two_apps_behind_one_address_are_two_flows(gateway: Gateway) -> None:
    first, second = gateway.registered(), gateway.registered()
    pages = [
        gateway.browser().get(each.authorization_url(redirect_uri="https://x.example/")) for each in (first, second)
    ]
    assert flow_id_on(pages[0]) != flow_id_on(pages[1])


# STD-133
def test_flood_writes_no_more_than_a_few_rows_for_what_repeats(gateway: Gateway, eventually: Eventually) -> None:
    client = gateway.client()
    for _ in range(50):
        client.call_tool(None)
        client.call_tool("x")
    eventually(lambda: count(gateway) == 2 * MOST_REPEATED)
    assert count(gateway) == 2 * MOST_REPEATED


def test_nothing_secret_and_no_address_is_written_down(gateway: Gateway, eventually: Eventually) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client, ADMIN)
    client.call_tool(tokens["access_token"])
    found = written(gateway, client.client_id, Step.CALLED, eventually)
    text = repr(found)
    for secret in (
        "127.0.0.1",
        ADMIN.email,
        tokens["access_token"],
        tokens["refresh_token"],
        client.verifier,
        "some-state",
    ):
        assert secret not in text
    assert all(step.network is None or len(step.network) == 32 for step in found.steps)


# D-16
def test_outage_of_the_database_is_no_outage_of_the_notes(
    gateway: Gateway, eventually: Eventually, clock: SettableClock
) -> None:
    """What waits is written down when the database is back (see also test_outages)."""
    page = gateway.browser().get(gateway.client().authorization_url(client_id="client_unknown"))
    written(gateway, flow_id_on(page), Step.AUTHORIZATION_REQUESTED, eventually, "client_unknown")
    clock.advance(days=8)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert count(gateway) == 0


def test_id_that_nobody_knows_is_told_in_a_sentence(run: Run, sqlite_url: str) -> None:
    status, _, err = run("explain", "fl_nobody", database_url=sqlite_url)
    assert status == 1
    assert "Nothing is known of fl_nobody" in err
    assert "kept for 7 days" in err


def test_second_attempt_after_success_is_another_flow(gateway: Gateway, eventually: Eventually) -> None:
    client = gateway.registered()
    client.call_tool(gateway.tokens(client)["access_token"])
    first = written(gateway, client.client_id, Step.CALLED, eventually)
    gateway.clock.advance(minutes=11)
    page = gateway.browser().get(client.authorization_url(scope="unknown"))
    assert flow_id_on(page) != first.steps[0].flow_id


def test_story_ends_where_it_was_refused_unless_it_went_on() -> None:
    def step(kind: Step, reason: str | None, seconds: int) -> FlowStep:
        at = NOW + timedelta(seconds=seconds)
        return FlowStep("fl_1", at, kind, reason, None, None, "client_1", None, None, None, None)

    denied, allowed = step(Step.SIGNED_IN, "wrong_credentials", 1), step(Step.SIGNED_IN, None, 2)
    called = step(Step.CALLED, None, 3)
    assert ConnectionAttempt("fl_1", (denied,)).last_refusal == denied
    assert ConnectionAttempt("fl_1", (denied, allowed)).last_refusal is None
    assert ConnectionAttempt("fl_1", (denied, allowed, called)).last_refusal is None


def test_two_people_with_one_registered_client_have_a_story_each(gateway: Gateway, eventually: Eventually) -> None:
    client = gateway.registered()
    for account in (USER, ADMIN):
        issued = client.redeem(gateway.code(client, account)).json()
        assert client.call_tool(issued["access_token"]).status_code == 200
        gateway.clock.advance(seconds=1)
    eventually(lambda: count(gateway) == 11)
    second, first = stories(gateway, client.client_id)
    assert [step.step for step in first.steps] == EVERYTHING[3:]
    assert [step.step for step in second.steps] == EVERYTHING[4:]
    assert second.steps[0].recorded_at > first.steps[-1].recorded_at


def test_refusal_at_the_token_endpoint_is_told_in_the_story_of_whoever_agreed(
    gateway: Gateway, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    client = gateway.registered()
    code = gateway.code(client)
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as other:
        # Another node knows nothing of the flow but what the grant says.
        elsewhere = gateway.client_at(other.listens_at)
        elsewhere.client_id = client.client_id
        assert elsewhere.redeem(code, code_verifier="w" * 43).status_code == 400
        found = written(gateway, client.client_id, Step.TOKEN_ISSUED, eventually, "code_verifier_mismatch")
    assert len({step.flow_id for step in found.steps if step.step in {Step.CONSENTED, Step.TOKEN_ISSUED}}) == 1


def test_reading_metadata_again_is_no_way_past_a_refusal() -> None:
    def step(kind: Step, reason: str | None, seconds: int) -> FlowStep:
        at = NOW + timedelta(seconds=seconds)
        return FlowStep("fl_1", at, kind, reason, None, None, "client_1", None, None, None, None)

    refused = step(Step.TOKEN_ISSUED, "code_unknown", 1)
    assert ConnectionAttempt("fl_1", (refused, step(Step.SERVER_METADATA, None, 2))).last_refusal == refused
    assert ConnectionAttempt("fl_1", (refused, step(Step.CALLED, None, 2))).last_refusal is None


# F-14
def test_what_is_sent_in_the_place_of_a_client_id_is_not_written_down(gateway: Gateway, eventually: Eventually) -> None:
    secret = "cs_" + "x" * 43
    in_a_url = "https://ada:canary-of-a-password@app.example/client.json"
    of_supabase = ("sb_secret_canary-of-a-key", "eyJhbGciOiJFUzI1NiJ9.e30.canary-of-a-signature")
    sent = (secret, "x" * 4000, "a b", in_a_url, "https://app.example/#canary-of-a-fragment", *of_supabase)
    for each in sent:
        gateway.client().token(client_id=each, grant_type="refresh_token", refresh_token="rt_x")
    eventually(lambda: count(gateway) > 0)

    written_down = everything_written(gateway)
    assert secret not in written_down
    assert "x" * 200 not in written_down
    assert "canary" not in written_down


# STD-133
def test_one_address_that_invents_clients_writes_no_more_than_its_share(
    gateway: Gateway, eventually: Eventually
) -> None:
    client = gateway.client()
    for number in range(150):
        client.token(client_id=f"invented-{number}", grant_type="refresh_token", refresh_token="rt_x")
    eventually(lambda: count(gateway) > 0)
    assert count(gateway) <= 60


# F-20: what goes no further than the outermost layer is told like anything else.
@pytest.mark.parametrize("reason", ["host_unknown", "origin_not_allowed", "rate_limited", "unhandled_error"])
def test_request_that_gets_no_further_than_the_edge_is_told(
    sqlite_url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    eventually: Eventually,
    run: Run,
    reason: str,
) -> None:
    with running_gateway(sqlite_url, supabase, clock, requests_per_minute=3, routes=ROUTES) as gateway:
        client = gateway.client()
        match reason:
            case "host_unknown":
                refused = client.call_tool(None, Host="elsewhere.example")
            case "origin_not_allowed":
                refused = client.call_tool(None, Origin="https://elsewhere.example")
            case "rate_limited":
                refused = [client.call_tool(None) for _ in range(4)][-1]
            case _:
                person = gateway.close_later(AppPerson(gateway))
                refused = person.get("/try/broken/part")
                assert refused.status_code == 500
        request_id = refused.headers["x-request-id"]
        written(gateway, request_id, Step.CALLED, eventually, reason)
        client.http.get(f"{client.node}/no/such/path", headers={"Host": "elsewhere.example"})
    status, out, _ = run("explain", request_id, database_url=sqlite_url)
    assert status == 0
    assert "Look for the request in the log" not in out
    assert "/no/such/path" not in everything_written(gateway)
