"""Each attempt to connect has its own story: over nodes and networks, and nobody gets into somebody else's."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from oauth.flow_history.recorder import MOST_REPEATED
from oauth.foundation.vocabulary import Scope, Step
from oauth.protocol.models import ClientAuthenticationMethod, GrantType, Registration
from oauth.stores.ports import FlowStepQuery
from servers.explain.history import MOST_TOLD
from tests.flows.test_pushed_requests import pushed_url
from tests.support.app_person import AppPerson
from tests.support.browser import Browser
from tests.support.builders import make_client
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.databases import PostgresqlTemplate
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import CALLBACK, RawClient, answer_of, claims_of
from tests.support.stories import (
    EVERYTHING,
    Eventually,
    at_network,
    count,
    discover,
    flow_id_on,
    stories,
    story,
    written,
)

PUBLISHED = "https://app.test/oauth/client.json"
HOME, OFFICE, VENDOR = "203.0.113.7", "198.51.100.20", "192.0.2.99"
FROM_BROWSER_ON = EVERYTHING[4:]


@pytest.fixture
def gateway(database_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """Behind a proxy, so that people come from networks of their own."""
    with running_gateway(database_url, supabase, clock, trusted_proxy_hops=1) as running:
        yield running


def node_of(gateway: Gateway) -> contextlib.AbstractContextManager[Gateway]:
    url = gateway.settings.database_url
    return running_gateway(url, gateway.supabase, gateway.clock, as_node_of=gateway, trusted_proxy_hops=1)


def app(gateway: Gateway, network: str, client_id: str = "", node: Gateway | None = None) -> RawClient:
    client = gateway.client_at((node or gateway).listens_at)
    client.client_id = client_id
    at_network(client, network)
    return client


def person(gateway: Gateway, network: str) -> Browser:
    browser = gateway.browser()
    at_network(browser, network)
    return browser


def put_client(gateway: Gateway, client_id: str, registration: Registration) -> None:
    """One that many people have in common."""
    fresh_until = gateway.clock() + timedelta(days=30) if registration is Registration.METADATA_DOCUMENT else None
    client = make_client(client_id=client_id, redirect_uris=(CALLBACK,), registration=registration)
    gateway.store(lambda store: store.clients.put(replace(client, fresh_until=fresh_until)))


def agree(browser: Browser, client: RawClient, account: object = USER) -> str:
    """→ the code."""
    redirect = browser.connect(client.authorization_url(), account.email, account.password)  # type: ignore[attr-defined]
    return answer_of(redirect)["code"]


# -- nodes


def test_story_over_three_nodes_is_told_whole(gateway: Gateway, eventually: Eventually) -> None:
    """Challenged at A, registered at B, a browser at C, tokens from A, the first call at B."""
    with node_of(gateway) as a, node_of(gateway) as b:
        discover(app(gateway, HOME, node=a))
        gateway.clock.advance(seconds=5)
        at_b = app(gateway, HOME, node=b)
        at_b.register()
        gateway.clock.advance(seconds=5)
        code = agree(person(gateway, HOME), at_b)
        gateway.clock.advance(seconds=5)
        at_a = app(gateway, HOME, at_b.client_id, node=a)
        at_a.verifier = at_b.verifier
        issued = at_a.redeem(code)
        gateway.clock.advance(seconds=5)
        called = at_b.call_tool(issued.json()["access_token"])
        assert called.status_code == 200
        # Each node writes down its own part, once a second.
        eventually(lambda: count(gateway) == len(EVERYTHING))
        whole = story(gateway, at_b.client_id)
    assert whole is not None
    assert [step.step for step in whole.steps] == EVERYTHING
    assert [step.step for step in whole.steps if step in whole.likely] == EVERYTHING[:3]
    registration = next(step for step in whole.steps if step.step is Step.REGISTERED)
    # Whatever it is asked for by, it is the same; and it is told once.
    names = [whole.flow_id, registration.flow_id, claims_of(issued.json()["access_token"])["gid"]]
    names += [each.headers["x-request-id"] for each in (issued, called)]
    for name in [at_b.client_id, *names]:
        assert [each.flow_id for each in stories(gateway, name)] == [whole.flow_id]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_first_call_of_a_published_client_is_told_in_the_story_of_whoever_agreed(
    gateway: Gateway, eventually: Eventually, *, elsewhere: bool
) -> None:
    put_client(gateway, PUBLISHED, Registration.METADATA_DOCUMENT)
    client = app(gateway, VENDOR, PUBLISHED)
    issued = client.redeem(agree(person(gateway, HOME), client)).json()
    with node_of(gateway) as other:
        client.node = other.listens_at if elsewhere else client.node
        called = client.call_tool(issued["access_token"])
        assert called.status_code == 200
        eventually(lambda: count(gateway) == len(FROM_BROWSER_ON))
        found = story(gateway, called.headers["x-request-id"])
    assert found is not None
    assert [step.step for step in found.steps] == FROM_BROWSER_ON
    assert len({step.flow_id for step in found.steps}) == 1
    assert found.steps[-1].client_id == PUBLISHED


def test_machine_that_calls_at_another_node_has_one_story_for_each_token(
    gateway: Gateway, eventually: Eventually
) -> None:
    machine = make_client(
        client_id="nightly",
        method=ClientAuthenticationMethod.CLIENT_SECRET_POST,
        secret="cs_right",
        grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}),
        registration=Registration.PREREGISTERED,
        redirect_uris=(),
    )
    gateway.store(lambda store: store.clients.put(replace(machine, scope=frozenset({Scope("mcp:read")}))))
    asked = {"grant_type": "client_credentials", "client_secret": "cs_right", "resource": f"{gateway.url}/mcp"}
    client = app(gateway, HOME, "nightly")
    with node_of(gateway) as other:
        for _ in range(2):
            token = client.token(**asked).json()["access_token"]
            gateway.clock.advance(seconds=1)
            assert app(gateway, HOME, node=other).call_tool(token).status_code == 200
            gateway.clock.advance(seconds=1)
        eventually(lambda: count(gateway) == 4)
    told = stories(gateway, "nightly")
    assert [[step.step for step in each.steps] for each in told] == [[Step.TOKEN_ISSUED, Step.CALLED]] * 2


def test_call_that_is_turned_away_is_told_in_the_story_of_its_grant_at_any_node(
    gateway: Gateway, eventually: Eventually
) -> None:
    put_client(gateway, PUBLISHED, Registration.METADATA_DOCUMENT)
    client = app(gateway, VENDOR, PUBLISHED)
    token = client.redeem(agree(person(gateway, HOME), client)).json()["access_token"]
    with node_of(gateway) as other:
        refused = app(gateway, VENDOR, node=other).call_tool(token, path="/mcp-admin")
        eventually(lambda: count(gateway) == len(FROM_BROWSER_ON))
        found = story(gateway, refused.headers["x-request-id"])
    assert found is not None
    assert [step.step for step in found.steps] == FROM_BROWSER_ON
    assert found.steps[-1].reason == "wrong_audience"
    assert found.last_refusal == found.steps[-1]


def test_what_came_after_a_story_is_no_part_of_it(gateway: Gateway, eventually: Eventually) -> None:
    with node_of(gateway) as other:
        client = app(gateway, HOME, node=other)
        client.register()
        gateway.clock.advance(seconds=5)
        discover(app(gateway, HOME))
        eventually(lambda: count(gateway) == 4)
    found = story(gateway, client.client_id)
    assert found is not None
    assert [step.step for step in found.steps] == [Step.REGISTERED]


def test_two_people_behind_one_network_with_different_apps_are_not_mixed(
    gateway: Gateway, eventually: Eventually
) -> None:
    with node_of(gateway) as other:
        first = app(gateway, OFFICE, node=other)
        discover(first)
        first.register()
        gateway.clock.advance(seconds=5)
        second = app(gateway, OFFICE)
        second.register()
        gateway.clock.advance(seconds=5)
        discover(first)
        gateway.clock.advance(seconds=5)
        agree(person(gateway, OFFICE), second)
        agree(person(gateway, OFFICE), first, ADMIN)
        eventually(lambda: count(gateway) == 14)
    for client, begins_with in ((first, EVERYTHING[:4]), (second, [Step.REGISTERED])):
        found = story(gateway, client.client_id)
        assert found is not None
        assert [step.step for step in found.steps] == [*begins_with, *FROM_BROWSER_ON[:3]]
        assert {step.client_id for step in found.steps} <= {None, client.client_id}


# -- networks


def test_person_whose_app_registered_from_its_vendors_network_has_one_story(
    gateway: Gateway, eventually: Eventually
) -> None:
    client = app(gateway, VENDOR)
    discover(client)
    client.register()
    # Another app of the same household has just been challenged.
    app(gateway, HOME).call_tool(None)
    issued = client.redeem(agree(person(gateway, HOME), client)).json()
    client.call_tool(issued["access_token"])
    found = written(gateway, client.client_id, Step.CALLED, eventually)
    assert [step.step for step in found.steps] == EVERYTHING


def test_people_whose_requests_were_pushed_by_one_server_have_a_story_each(
    gateway: Gateway, eventually: Eventually
) -> None:
    put_client(gateway, "partner", Registration.PREREGISTERED)
    client = app(gateway, VENDOR, "partner")
    with node_of(gateway) as other:
        pushing = app(gateway, VENDOR, "partner", node=other)
        pushing.verifier = client.verifier
        urls = [pushed_url(pushing) for _ in range(2)]
        gateway.clock.advance(seconds=1)
        for network, url in zip((HOME, OFFICE), urls, strict=True):
            person(gateway, network).get(url)
            gateway.clock.advance(seconds=1)
        eventually(lambda: count(gateway) == 4)
    told = stories(gateway, "partner")
    assert [[step.step for step in each.steps] for each in told] == [[Step.PUSHED, Step.AUTHORIZATION_REQUESTED]] * 2


# -- what many people have in common


@pytest.mark.parametrize("registration", [Registration.METADATA_DOCUMENT, Registration.PREREGISTERED])
def test_client_of_many_people_has_the_newest_of_their_stories_told(
    gateway: Gateway, eventually: Eventually, run: Run, registration: Registration
) -> None:
    client_id = PUBLISHED if registration is Registration.METADATA_DOCUMENT else "partner"
    put_client(gateway, client_id, registration)
    client = app(gateway, VENDOR, client_id)
    ids = []
    for number in range(MOST_TOLD + 2):
        page = person(gateway, f"203.0.113.{number}").get(client.authorization_url(redirect_uri="https://x.example/"))
        ids.append(flow_id_on(page))
        gateway.clock.advance(seconds=1)
    agree(person(gateway, HOME), client)
    eventually(lambda: count(gateway) == MOST_TOLD + 5)
    newest, *others = stories(gateway, client_id)
    assert [step.step for step in newest.steps] == FROM_BROWSER_ON[:3]
    assert [each.flow_id for each in others] == ids[:-MOST_TOLD:-1]
    status, out, _ = run("explain", client_id, database_url=gateway.settings.database_url)
    assert status == 0
    assert out.count("Last step reached:") == MOST_TOLD
    assert out.endswith("\nThere are 3 more. Each has an id, which pages that refuse and the log show.\n")
    _, out, _ = run("explain", client_id, "--json", database_url=gateway.settings.database_url)
    told = json.loads(out)
    assert [each["flow_id"] for each in told["stories"]] == [newest.flow_id, *(each.flow_id for each in others)]
    assert (told["more"], told["more_are_counted"]) == (3, True)


def test_json_has_one_shape_whatever_is_asked_for(gateway: Gateway, eventually: Eventually, run: Run) -> None:
    client = app(gateway, HOME)
    client.register()
    token = client.redeem(agree(person(gateway, HOME), client)).json()["access_token"]
    called = client.call_tool(token)
    written(gateway, client.client_id, Step.CALLED, eventually)
    shapes = set()
    known = (client.client_id, called.headers["x-request-id"], claims_of(token)["gid"])
    for name, expected in (*((name, 0) for name in known), ("unknown", 1), ("ünknown", 1)):
        status, out, _ = run("explain", name, "--json", database_url=gateway.settings.database_url)
        assert status == expected
        described = json.loads(out)
        shapes.add(tuple(described))
        assert len(described["stories"]) == 1 - expected
    assert shapes == {("stories", "more", "more_are_counted")}


# -- what repeats


def test_refusal_that_repeats_is_found_by_each_of_its_request_ids_and_told_once(
    gateway: Gateway, eventually: Eventually, run: Run
) -> None:
    client = app(gateway, HOME)
    refused = []
    for _ in range(3):
        refused.append(client.call_tool("x").headers["x-request-id"])
        gateway.clock.advance(seconds=35)
    eventually(lambda: count(gateway) == 3)
    for request_id in refused:
        _, out, _ = run("explain", request_id, database_url=gateway.settings.database_url)
        assert out.count("Called and was turned away") == 1
        assert "(3 times, last at +0:01:10)" in out
        _, out, _ = run("explain", request_id, "--json", database_url=gateway.settings.database_url)
        (only,) = json.loads(out)["stories"]
        (step,) = only["steps"]
        assert (step["times"], step["request_ids"]) == (3, refused)


def test_refusal_that_repeats_without_end_is_told_as_often_as_is_known(
    gateway: Gateway, eventually: Eventually, run: Run
) -> None:
    client = app(gateway, HOME)
    refused = [client.call_tool("x").headers["x-request-id"] for _ in range(MOST_REPEATED + 3)]
    eventually(lambda: count(gateway) == MOST_REPEATED)
    _, out, _ = run("explain", refused[0], database_url=gateway.settings.database_url)
    assert f"({MOST_REPEATED} times or more, last at +0:00:00)" in out
    gateway.clock.advance(minutes=11)
    again = client.call_tool("x").headers["x-request-id"]
    eventually(lambda: story(gateway, again) is not None)


# -- strangers


def test_strangers_refused_request_with_the_same_client_id_is_in_nobody_elses_story(
    gateway: Gateway, eventually: Eventually
) -> None:
    for client_id, registration in (
        (PUBLISHED, Registration.METADATA_DOCUMENT),
        ("partner", Registration.PREREGISTERED),
        ("client_known-by-heart", Registration.DYNAMIC),
    ):
        put_client(gateway, client_id, registration)
        client, stranger = app(gateway, HOME, client_id), app(gateway, OFFICE, client_id)
        # Before the person comes, while they are there, and after it.
        refused = [stranger.refresh("rt_stolen")]
        browser = person(gateway, HOME)
        page = browser.get(client.authorization_url())
        refused.append(stranger.redeem("ac_guessed"))
        page = browser.sign_in(page, USER.email, USER.password)
        refused.append(person(gateway, OFFICE).get(client.authorization_url(code_challenge=None)))
        issued = client.redeem(answer_of(browser.decide(page))["code"])
        gateway.clock.advance(seconds=1)
        refused.append(stranger.refresh("rt_stolen"))
        found = written(gateway, issued.headers["x-request-id"], Step.TOKEN_ISSUED, eventually)
        assert [(step.step, step.reason) for step in found.steps] == [(step, None) for step in FROM_BROWSER_ON[:4]]
        strangers = [each.headers["x-request-id"] for each in refused]
        for request_id in strangers:
            eventually(lambda request_id=request_id: story(gateway, request_id) is not None)  # type: ignore[misc]
            told = story(gateway, request_id)
            assert told is not None
            assert found.flow_id not in told.flow_ids
            assert {step.request_id for step in told.steps} <= set(strangers)
        gateway.clock.advance(minutes=11)


def test_who_sends_somebodys_ids_in_other_places_gets_into_no_story(gateway: Gateway, eventually: Eventually) -> None:
    client = app(gateway, HOME)
    client.register()
    issued = client.redeem(agree(person(gateway, HOME), client))
    client.call_tool(issued.json()["access_token"])
    found = written(gateway, client.client_id, Step.CALLED, eventually)
    grant_id = claims_of(issued.json()["access_token"])["gid"]
    request_id = issued.headers["x-request-id"]
    stranger = app(gateway, OFFICE)
    gateway.clock.advance(seconds=1)
    for somebodys in (found.flow_id, grant_id, request_id, client.client_id):
        stranger.http.headers["X-Request-ID"] = somebodys
        stranger.token(client_id=somebodys, grant_type="refresh_token", refresh_token="rt_x")
        stranger.call_tool("x")
    eventually(lambda: count(gateway) == 6 + 8)
    for somebodys in (found.flow_id, grant_id):
        assert stories(gateway, somebodys) == (found,)
    for somebodys in (request_id, client.client_id):
        told = stories(gateway, somebodys)
        assert found in told
        assert all(each == found or not each.flow_ids & found.flow_ids for each in told)


def test_call_without_a_good_token_is_not_told_of_whoever_shares_the_network(
    gateway: Gateway, eventually: Eventually
) -> None:
    put_client(gateway, PUBLISHED, Registration.METADATA_DOCUMENT)
    client = app(gateway, VENDOR, PUBLISHED)
    issued = client.redeem(agree(person(gateway, HOME), client))
    gateway.clock.advance(seconds=1)
    app(gateway, VENDOR).call_tool("somebody-elses")
    app(gateway, VENDOR, PUBLISHED).redeem("ac_somebody-elses")
    app(gateway, HOME).call_tool("of-another-app")
    gateway.clock.advance(seconds=1)
    client.call_tool(issued.json()["access_token"])
    found = written(gateway, issued.headers["x-request-id"], Step.CALLED, eventually)
    assert [(step.step, step.reason) for step in found.steps] == [(step, None) for step in FROM_BROWSER_ON]


# STD-133
def test_question_about_what_a_flood_has_left_reads_a_bounded_part_of_it(
    gateway: Gateway, eventually: Eventually, run: Run
) -> None:
    client = app(gateway, HOME)
    client.register()
    found = written(gateway, client.client_id, Step.REGISTERED, eventually)
    (step,) = found.steps
    flood = [
        replace(step, flow_id=f"fl_{number}", recorded_at=step.recorded_at + timedelta(seconds=number), reason="x")
        for number in range(3000)
    ]
    gateway.store(lambda store: store.flow_history.add(flood))
    status, out, _ = run("explain", client.client_id, database_url=gateway.settings.database_url)
    assert status == 0
    assert "There are at least 490 more." in out
    assert (
        len(gateway.store(lambda store: store.flow_history.find(FlowStepQuery("client_id", client.client_id), 10)))
        == 10
    )


# -- outages


def test_outage_at_an_endpoint_for_programs_is_told_when_it_is_over(
    postgresql_url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    postgresql_template: PostgresqlTemplate,
    eventually: Eventually,
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        token = gateway.tokens(client)["access_token"]
        clock.advance(minutes=1)
        with postgresql_template.unreachable(postgresql_url):
            refused = {
                Step.TOKEN_ISSUED: client.refresh("rt_x"),
                Step.REGISTERED: client.register(),
                Step.CALLED: client.call_tool(token),
            }
        assert [answer.status_code for answer in refused.values()] == [503] * 3
        for step, answer in refused.items():
            written(gateway, answer.headers["x-request-id"], step, eventually, "store_unavailable")


def test_outage_of_supabase_at_the_api_is_told(gateway: Gateway, eventually: Eventually) -> None:
    person = gateway.close_later(AppPerson(gateway))
    gateway.supabase.stand_in.faults.set("500")
    answer = person.get("/users/me")
    assert answer.status_code == 503
    written(gateway, answer.headers["x-request-id"], Step.CALLED, eventually, "provider_unavailable")


def test_body_that_is_too_large_is_told(gateway: Gateway, eventually: Eventually) -> None:
    refused = app(gateway, HOME).register(client_name="x" * 70_000)
    assert refused.status_code == 413
    written(gateway, refused.headers["x-request-id"], Step.REGISTERED, eventually, "oversized_body")
