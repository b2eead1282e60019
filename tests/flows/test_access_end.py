"""When access must end (D-14): what happens to a person in Supabase happens to their access here."""

import contextlib
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from mcp_auth.supabase import webhook
from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Role, Subject
from oauth.stores.opening import OpenDatabase
from tests.support.app_person import AppPerson
from tests.support.browser import NO_TLS
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.live_server import free_ports
from tests.support.processes import serving
from tests.support.raw_client import RawClient

KEY = b"a key for the tests of the webhook"
SECRET = f"whsec_{b64encode(KEY).decode()}"
PATH = "/api/v1/webhooks/supabase"

Eventually = Callable[[Callable[[], bool]], None]


class Project:
    """What the owner of the Supabase project does."""

    def __init__(self, supabase: RunningSupabase) -> None:
        key = supabase.stand_in.secret_key
        self._http = httpx.Client(base_url=f"{supabase.url}/auth/v1/admin", headers={"apikey": key}, verify=NO_TLS)

    def ban(self, subject: str, duration: str = "24h") -> None:
        assert self._http.put(f"/users/{subject}", json={"ban_duration": duration}).status_code == 200

    def delete(self, subject: str, *, softly: bool = False) -> None:
        answer = self._http.request("DELETE", f"/users/{subject}", json={"should_soft_delete": softly})
        assert answer.status_code == 200

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def project(supabase: RunningSupabase) -> Iterator[Project]:
    project = Project(supabase)
    yield project
    project.close()


def status(client: RawClient, access_token: str, path: str = "/mcp") -> int:
    return client.call_tool(access_token, path=path).status_code


def test_banned_person_loses_the_grant_at_the_next_refresh(gateway: Gateway, project: Project) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    gateway.clock.advance(seconds=11)
    project.ban(USER.id)
    refused = client.refresh(tokens["refresh_token"])
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"
    assert status(client, tokens["access_token"]) == 401


@pytest.mark.parametrize("softly", [False, True])
def test_deleted_person_loses_the_grant_at_the_next_refresh(
    gateway: Gateway, project: Project, *, softly: bool
) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    gateway.clock.advance(seconds=11)
    project.delete(USER.id, softly=softly)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_person_who_was_away_is_asked_about_before_the_next_call(gateway: Gateway, project: Project) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    project.ban(USER.id)
    gateway.clock.advance(seconds=61)
    assert status(client, tokens["access_token"]) == 401


def test_person_who_calls_all_the_time_is_cut_off_within_a_minute(
    gateway: Gateway, project: Project, eventually: Eventually
) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    assert status(client, tokens["access_token"]) == 200
    project.ban(USER.id)
    for _ in range(4):  # 15 s is how long a verdict is believed
        gateway.clock.advance(seconds=14)
        status(client, tokens["access_token"])
    gateway.clock.advance(seconds=4)
    eventually(lambda: status(client, tokens["access_token"]) == 401)


def test_person_whose_ban_is_over_can_sign_in_again(gateway: Gateway, project: Project) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    project.ban(USER.id)
    gateway.clock.advance(seconds=61)
    assert status(client, tokens["access_token"]) == 401
    project.ban(USER.id, "none")
    gateway.clock.advance(seconds=61)
    assert status(client, tokens["access_token"]) == 401  # what was given before the ban stays ended
    assert status(client, gateway.tokens(client)["access_token"]) == 200


def test_others_are_not_touched(gateway: Gateway, project: Project) -> None:
    client = gateway.registered()
    other = gateway.tokens(client, ADMIN)
    project.ban(USER.id)
    gateway.clock.advance(seconds=61)
    assert status(client, other["access_token"]) == 200
    assert client.refresh(other["refresh_token"]).status_code == 200


@pytest.mark.parametrize("fault", ["500", "429", "html"])
def test_outage_of_supabase_ends_nothing_for_an_hour_and_then_is_a_503(gateway: Gateway, fault: str) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    gateway.supabase.stand_in.faults.set(fault)
    gateway.clock.advance(minutes=20)
    assert status(client, tokens["access_token"]) == 200
    tokens = client.refresh(tokens["refresh_token"]).json()
    gateway.clock.advance(minutes=45)
    refused = client.refresh(tokens["refresh_token"])
    assert refused.status_code == 503
    assert refused.json()["error"] == "temporarily_unavailable"
    assert refused.headers["retry-after"] == "5"
    gateway.supabase.stand_in.faults.clear()
    gateway.clock.advance(seconds=16)
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_many_calls_at_once_ask_supabase_once(gateway: Gateway, supabase: RunningSupabase) -> None:
    client = gateway.registered()
    tokens = [gateway.tokens(client)["access_token"] for _ in range(3)]
    gateway.clock.advance(seconds=61)
    before = asked(supabase)
    for _ in range(5):
        assert [status(client, token) for token in tokens] == [200] * 3
    assert asked(supabase) - before == 1


def asked(supabase: RunningSupabase) -> int:
    """How often the project was asked about people and their sessions."""
    return sum(
        count
        for path, count in supabase.stand_in.requests.items()
        if path.startswith(("/admin/users", "/user", "/token?grant_type=refresh_token"))
    )


# -- signed out everywhere, and no webhook that tells of it


@pytest.fixture(params=["with a secret key", "without a secret key"])
def following(
    request: pytest.FixtureRequest, database_url: str, supabase: RunningSupabase, clock: SettableClock
) -> Iterator[Gateway]:
    """A gateway that nobody tells anything, and that asks by itself."""
    without: dict[str, Any] = {"supabase_secret_key": None} if request.param == "without a secret key" else {}
    with running_gateway(database_url, supabase, clock, **without) as running:
        yield running


def test_sign_out_everywhere_is_noticed_at_the_next_refresh(following: Gateway) -> None:
    client = following.registered()
    tokens = following.tokens(client)
    following.clock.advance(seconds=11)
    signed_in(following).sign_out("global")
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert status(client, tokens["access_token"]) == 401


def test_sign_out_everywhere_is_noticed_by_the_first_call_after_a_minute(following: Gateway) -> None:
    client, browser = following.registered(), following.browser()
    assert browser.connect(client.authorization_url(), USER.email, USER.password).status_code == 303
    tokens = following.tokens(client)
    signed_in(following).sign_out("global")
    following.clock.advance(seconds=61)
    assert status(client, tokens["access_token"]) == 401
    assert 'name="password"' in browser.get(client.authorization_url()).text
    following.clock.advance(seconds=1)
    assert status(client, following.tokens(client)["access_token"]) == 200


def test_sign_out_everywhere_is_noticed_within_a_minute_on_every_node(
    following: Gateway, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    with running_gateway(following.settings.database_url, supabase, clock, as_node_of=following) as elsewhere:
        here, there = following.registered(), elsewhere.registered()
        tokens = following.tokens(here)
        assert (status(here, tokens["access_token"]), status(there, tokens["access_token"])) == (200, 200)
        signed_in(following).sign_out("global")
        for _ in range(4):
            clock.advance(seconds=14)
            status(here, tokens["access_token"])
        clock.advance(seconds=4)
        eventually(lambda: {status(node, tokens["access_token"]) for node in (here, there)} == {401})


# The access token of the session that is followed has expired long since: it is refreshed on the way.
def test_session_is_followed_for_as_long_as_the_grant_is_used(following: Gateway) -> None:
    client = following.registered()
    tokens = following.tokens(client)
    for _ in range(5):
        following.clock.advance(minutes=55)
        tokens = client.refresh(tokens["refresh_token"]).json()
        assert status(client, tokens["access_token"]) == 200
    following.clock.advance(minutes=55)
    signed_in(following).sign_out("global")
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


# The page that finds it out asks for a new sign-in, and accuses nobody.
def test_consent_page_of_somebody_who_signed_out_everywhere_leads_to_the_sign_in(following: Gateway) -> None:
    client, browser = following.registered(), following.browser()
    assert browser.connect(client.authorization_url(), USER.email, USER.password).status_code == 303
    following.clock.advance(seconds=11)
    signed_in(following).sign_out("global")
    assert 'name="password"' in browser.get(client.authorization_url()).text


def test_session_that_ends_elsewhere_ends_nothing_here(following: Gateway) -> None:
    client = following.registered()
    tokens = following.tokens(client)
    signed_in(following).sign_out("local")
    following.clock.advance(seconds=61)
    assert status(client, tokens["access_token"]) == 200


def test_sign_out_of_all_other_devices_ends_access_here(following: Gateway) -> None:
    client = following.registered()
    tokens = following.tokens(client)
    signed_in(following).sign_out("others")
    following.clock.advance(seconds=61)
    assert status(client, tokens["access_token"]) == 401


@pytest.mark.parametrize("fault", ["500", "429", "html"])
def test_outage_is_no_sign_out(following: Gateway, fault: str) -> None:
    client = following.registered()
    tokens = following.tokens(client)
    person = signed_in(following)
    assert person.get("/users/me").status_code == 200
    following.supabase.stand_in.faults.set(fault)
    following.clock.advance(minutes=20)
    assert status(client, tokens["access_token"]) == 200
    assert person.get("/users/me").status_code == 200
    assert client.refresh(tokens["refresh_token"]).status_code == 200


# D-14 at REST, where the token is Supabase's own and good until it expires.
def test_session_token_ends_within_a_minute_of_the_sign_out(following: Gateway) -> None:
    person, other = signed_in(following), signed_in(following)
    assert [each.get("/users/me").status_code for each in (person, other)] == [200, 200]
    person.sign_out("local")
    following.clock.advance(seconds=61)
    refused = person.get("/users/me")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "TOKEN_INVALID")
    assert other.get("/users/me").status_code == 200


def test_session_token_that_comes_after_the_sign_out_is_refused_at_once(following: Gateway) -> None:
    person, other = signed_in(following), signed_in(following)
    assert other.get("/users/me").status_code == 200
    person.sign_out("local")
    assert person.get("/users/me").status_code == 401


# What was signed in after the sign-out is not ended by the news of it.
def test_new_session_of_somebody_who_signed_out_everywhere_stays(following: Gateway) -> None:
    client = following.registered()
    tokens = following.tokens(client)
    person = signed_in(following)
    person.sign_out("global")
    following.clock.advance(seconds=5)
    person.sign_in()
    assert person.get("/users/me").status_code == 200
    following.clock.advance(seconds=61)
    assert status(client, tokens["access_token"]) == 401
    assert person.get("/users/me").status_code == 200


def test_sessions_are_followed_only_where_that_is_wanted(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    without: dict[str, Any] = {"supabase_secret_key": None, "follow_sessions": False}
    with running_gateway(sqlite_url, supabase, clock, **without) as gateway:
        client = gateway.registered()
        tokens = gateway.tokens(client)
        person = signed_in(gateway)
        assert person.get("/users/me").status_code == 200
        before = asked(supabase)
        person.sign_out("global")
        clock.advance(minutes=2)
        assert status(client, tokens["access_token"]) == 200
        assert person.get("/users/me").status_code == 200
        assert asked(supabase) == before


def signed_in(gateway: Gateway) -> AppPerson:
    person = AppPerson(gateway)
    gateway.close_later(person)
    return person


def test_operator_deactivates_a_person_everywhere_and_lets_them_in_again(
    gateway: Gateway, run: Run, eventually: Eventually
) -> None:
    def command(*arguments: str) -> tuple[int, str, str]:
        return run("users", *arguments, database_url=gateway.settings.database_url)

    client, browser = gateway.registered(), gateway.browser()
    tokens = gateway.tokens(client)
    with contextlib.closing(AppPerson(gateway)) as app:
        assert command("deactivate", USER.email) == (0, f"{USER.id}\tinactive\n", "")
        eventually(lambda: status(client, tokens["access_token"]) == 401)
        eventually(lambda: app.get("/users/me").status_code in {401, 403})
        assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
        page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
        assert page.status_code == 400
        assert "This account cannot sign in" in page.text
        assert f"{USER.id}\tuser\tinactive" in command("list", USER.email)[1]
        # What they had stays ended.
        assert command("activate", USER.id)[:2] == (0, f"{USER.id}\tactive\n")
        gateway.clock.advance(seconds=61)
        assert status(client, tokens["access_token"]) == 401
        assert app.get("/users/me").status_code == 401
    again = gateway.tokens(gateway.registered())
    assert status(client, again["access_token"]) == 200


def test_account_that_was_deleted_is_not_activated(gateway: Gateway, run: Run) -> None:
    gateway.tokens(gateway.registered())

    async def anonymise(database: OpenDatabase) -> None:
        await UserStore(database).anonymise(Subject(USER.id), gateway.clock())

    gateway.database(anonymise)
    status, out, err = run("users", "activate", USER.id, database_url=gateway.settings.database_url)
    assert (status, out, err) == (2, "", f"mcp-auth: The account {USER.id} has been deleted.\n")


@pytest.mark.parametrize("command", ["deactivate", "activate"])
def test_somebody_unknown_is_neither_deactivated_nor_activated(run: Run, sqlite_url: str, command: str) -> None:
    status, out, err = run("users", command, "nobody@example.com", database_url=sqlite_url)
    assert (status, out) == (2, "")
    assert "There is no user nobody@example.com" in err


@pytest.fixture
def told(database_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """A gateway that takes the project's word for it."""
    with running_gateway(database_url, supabase, clock, webhook_secret=SECRET) as running:
        yield running


def tell(
    gateway: Gateway, event: object, *, key: bytes = KEY, age: int = 0, node: str | None = None, **headers: str
) -> httpx.Response:
    body, timestamp = json.dumps(event).encode(), int(gateway.clock().timestamp()) - age
    signed = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": webhook.sign("msg_1", timestamp, body, key),
        "content-type": "application/json",
        "host": gateway.url.removeprefix("http://"),
        **headers,
    }
    return httpx.post(f"{node or gateway.url}{PATH}", content=body, headers=signed, verify=NO_TLS)


def banned(gateway: Gateway) -> dict[str, str]:
    until = gateway.clock.now.replace(year=gateway.clock.now.year + 1)
    return {"type": "user.changed", "user_id": USER.id, "banned_until": until.isoformat()}


def test_webhook_ends_access_at_once_here_and_within_five_seconds_elsewhere(
    told: Gateway, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    with running_gateway(told.settings.database_url, supabase, clock, as_node_of=told) as elsewhere:
        here, there = told.registered(), elsewhere.registered()
        tokens = told.tokens(here)
        assert (status(here, tokens["access_token"]), status(there, tokens["access_token"])) == (200, 200)
        assert tell(told, banned(told)).status_code == 204
        assert status(here, tokens["access_token"]) == 401
        began = time.monotonic()
        eventually(lambda: status(there, tokens["access_token"]) == 401)
        assert time.monotonic() - began < 5


def test_two_processes_end_access_at_all_three_resources_within_five_seconds(
    told: Gateway, eventually: Eventually
) -> None:
    told.set_role(ADMIN, Role.ADMIN)
    client = told.registered()
    tokens = {
        path: told.tokens(client, ADMIN, resource=f"{told.url}{path}")["access_token"]
        for path in ("/mcp", "/mcp-admin", "/api")
    }
    ports = free_ports(2)
    with serving(told.settings, ports[0]), serving(told.settings, ports[1]):
        nodes = [told.client_at(f"http://127.0.0.1:{port}") for port in ports]

        def statuses() -> set[int]:
            answers = {status(node, tokens[path], path) for node in nodes for path in ("/mcp", "/mcp-admin")}
            return answers | {
                node.http.get(
                    f"{node.node}/api/v1/users/me", headers={"Authorization": f"Bearer {tokens['/api']}"}
                ).status_code
                for node in nodes
            }

        assert statuses() == {200}
        event = {"type": "user.deleted", "user_id": ADMIN.id}
        assert tell(told, event, node=nodes[0].node).status_code == 204
        began = time.monotonic()
        eventually(lambda: statuses() == {401})
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("event", ["user.deleted", "user.signed_out"])
def test_webhook_ends_grants_and_sign_in_sessions(told: Gateway, event: str) -> None:
    client, browser = told.registered(), told.browser()
    code = browser.connect(client.authorization_url(), USER.email, USER.password)
    assert code.status_code == 303
    tokens = told.tokens(client)
    assert tell(told, {"type": event, "user_id": USER.id}).status_code == 204
    assert status(client, tokens["access_token"]) == 401
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert 'name="password"' in browser.get(client.authorization_url()).text


def test_person_who_signed_out_everywhere_may_sign_in_again(told: Gateway) -> None:
    client = told.registered()
    told.tokens(client)
    tell(told, {"type": "user.signed_out", "user_id": USER.id})
    told.clock.advance(seconds=1)
    assert status(client, told.tokens(client)["access_token"]) == 200


def test_message_that_changes_nothing_ends_nothing(told: Gateway) -> None:
    client = told.registered()
    tokens = told.tokens(client)
    assert tell(told, {"type": "user.changed", "user_id": USER.id, "banned_until": None}).status_code == 204
    assert status(client, tokens["access_token"]) == 200


def test_message_about_somebody_unknown_is_harmless(told: Gateway) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    assert tell(told, {"type": "user.deleted", "user_id": unknown}).status_code == 204


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"key": b"another key of thirty-two bytes."}, "WEBHOOK_SIGNATURE"),
        ({"webhook-signature": ""}, "WEBHOOK_SIGNATURE"),
        ({"webhook-signature": "v1a,AAAA"}, "WEBHOOK_SIGNATURE"),
        ({"webhook-id": "msg_2"}, "WEBHOOK_SIGNATURE"),
        ({"webhook-id": ""}, "WEBHOOK_UNSIGNED"),
        ({"webhook-timestamp": "soon"}, "WEBHOOK_SIGNATURE"),
        ({"age": 301}, "WEBHOOK_TIMESTAMP"),
        ({"age": -301}, "WEBHOOK_TIMESTAMP"),
    ],
)
def test_message_that_the_project_did_not_just_sign_is_refused(told: Gateway, how: dict[str, str], reason: str) -> None:
    client = told.registered()
    tokens = told.tokens(client)
    refused = tell(told, {"type": "user.deleted", "user_id": USER.id}, **how)  # type: ignore[arg-type]
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == reason
    assert status(client, tokens["access_token"]) == 200


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "x",
        {},
        {"type": "user.deleted"},
        {"type": "user.deleted", "user_id": "../x"},
        {"type": "user.deleted", "user_id": 7},
        {"type": "user.promoted", "user_id": USER.id},
        {"type": "user.changed", "user_id": USER.id, "banned_until": "soon"},
        {"type": "user.changed", "user_id": USER.id, "banned_until": "2030-01-01T00:00:00"},
        {"type": "user.changed", "user_id": USER.id, "banned_until": 7},
    ],
)
def test_message_that_says_nothing_is_a_400(told: Gateway, event: object) -> None:
    refused = tell(told, event)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "WEBHOOK_MALFORMED"


def test_message_that_is_too_long_is_a_413(told: Gateway) -> None:
    assert tell(told, {"type": "user.deleted", "user_id": USER.id, "more": "x" * 20_000}).status_code == 413


def test_without_a_secret_there_is_no_webhook(gateway: Gateway) -> None:
    assert tell(gateway, {"type": "user.deleted", "user_id": USER.id}).status_code == 404
