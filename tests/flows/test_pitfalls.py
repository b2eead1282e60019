"""Faults that others ship, where no other test would notice them here."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.support.app_person import AppPerson
from tests.support.browser import Browser, forms
from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway, settings_for
from tests.support.live_server import bind
from tests.support.processes import port_of, serving

ORIGIN = "https://app.test"
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
MOST = 20


@pytest.fixture
def sqlite_database(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[str]:
    with sqlite_template.database(tmp_path) as url:
        yield url


# -- pages


# F-4: whoever is about to type a password reads for whom.
def test_sign_in_page_names_the_client_and_what_it_wants_to_reach(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered(client_name="Tom & <b>Jerry</b>")
    page = sqlite_gateway.browser().get(client.authorization_url())
    assert 'name="password"' in page.text
    assert "to connect <strong>Tom &amp; &lt;b&gt;Jerry&lt;/b&gt;</strong> to 127.0.0.1" in page.text


# F-4: a sign-in that somebody else began is nobody's session here.
def test_sign_in_of_one_browser_signs_no_other_in(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    attacker, victim = sqlite_gateway.browser(), sqlite_gateway.browser()
    consent = attacker.sign_in(attacker.get(client.authorization_url()), USER.email, USER.password)
    refused = victim.get(str(consent.url))
    assert refused.status_code == 403
    assert USER.email not in refused.text
    assert any(form.action == "/signin" for form in forms(victim.get(client.authorization_url())))


# F-32: a 307 or 308 would carry what was typed on to the next address.
@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("/signin", {"email": USER.email, "password": USER.password}),
        ("/signin/code", {"email": USER.email}),
        ("/signin/provider", {"provider": "github"}),
    ],
)
def test_form_of_the_sign_in_page_is_answered_with_a_303(
    sqlite_gateway: Gateway, path: str, typed: dict[str, str]
) -> None:
    browser = sqlite_gateway.browser()
    page = browser.get(sqlite_gateway.registered().authorization_url())
    assert post(browser, path, **{**forms(page)[0].fields, **typed}).status_code == 303


# F-32
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_every_form_from_the_code_to_the_answer_is_answered_with_a_303(sqlite_gateway: Gateway, decision: str) -> None:
    browser = sqlite_gateway.browser()
    page = browser.get(sqlite_gateway.registered().authorization_url())
    page = browser.submit(page, "/signin", to="/signin/code", email=USER.email)
    code = sqlite_gateway.supabase.stand_in.messages[USER.email]["code"]
    (verify,) = [form for form in forms(page) if form.action == "/signin/verify"]
    verified = post(browser, "/signin/verify", **{**verify.fields, "code": code})
    assert verified.status_code == 303
    consent = browser.get(verified.headers["location"])
    by_action = {form.action: form.fields for form in forms(consent)}
    assert post(browser, "/consent", **by_action["/consent"], decision=decision).status_code == 303
    assert post(browser, "/signout", **by_action["/signout"]).status_code == 303


def post(browser: Browser, path: str, **fields: str) -> httpx.Response:
    return browser.http.post(f"{browser.gateway}{path}", data=fields, follow_redirects=False)


# -- who is calling


# F-13
def test_address_that_a_caller_writes_down_buys_no_requests(
    sqlite_database: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    clock.now = clock.now.replace(second=0)
    with running_gateway(sqlite_database, supabase, clock, requests_per_minute=MOST) as gateway:
        statuses = [
            httpx.get(
                f"{gateway.url}/.well-known/jwks.json",
                headers=dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP"), f"203.0.113.{number}"),
            ).status_code
            for number in range(MOST + 5)
        ]
        assert statuses == [200] * MOST + [429] * 5


# SEED-50, F-13
def test_address_is_what_the_trusted_proxy_wrote_last(
    sqlite_database: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    clock.now = clock.now.replace(second=0)
    with running_gateway(sqlite_database, supabase, clock, requests_per_minute=MOST, trusted_proxy_hops=1) as gateway:

        def ask(forwarded: str) -> int:
            url = f"{gateway.url}/.well-known/jwks.json"
            return httpx.get(url, headers={"X-Forwarded-For": forwarded}).status_code

        assert [ask(f"198.51.100.{number}, 203.0.113.9") for number in range(MOST + 5)] == [200] * MOST + [429] * 5
        assert ask("203.0.113.9, 203.0.113.10") == 200


# F-17, D-13: what there is to administer, others do not even hear the names of.
@pytest.mark.parametrize("method", ["initialize", "tools/list", "server/discover", "ping"])
def test_admin_server_says_nothing_to_strangers_and_users(sqlite_gateway: Gateway, method: str) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["access_token"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}
    for given in ({}, {"Authorization": f"Bearer {token}"}):
        refused = client.http.post(f"{sqlite_gateway.url}/mcp-admin", json=body, headers={**JSON, **given})
        assert refused.status_code == 401
        assert "find_users" not in refused.text


# -- what a client is told


# F-20: a page of the operator's own can tell 401, 429 and 503 apart, and read the challenge.
def test_every_error_of_the_api_can_be_read_by_the_pages_that_may_call_it(
    sqlite_database: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    clock.now = clock.now.replace(second=0)
    with running_gateway(
        sqlite_database,
        supabase,
        clock,
        routes="tests.support.rest_routes:add_routes",
        allowed_origins=(ORIGIN,),
        requests_per_minute=MOST,
    ) as gateway:
        person = AppPerson(gateway)
        gateway.close_later(person)
        bearer = {"Authorization": f"Bearer {person.access_token}"}
        supabase.stand_in.faults.set("500")
        answers = {503: read(gateway, "users/me", **bearer)}
        supabase.stand_in.faults.clear()
        clock.advance(minutes=2)
        answers |= {
            200: read(gateway, "users/me", **bearer),
            401: read(gateway, "users/me"),
            403: read(gateway, "try/admin", **bearer),
            404: read(gateway, "try/nothing"),
            422: read(gateway, "try/number?number=x"),
            500: read(gateway, "try/broken/x", **bearer),
        }
        answers[429] = [read(gateway, "auth/config") for _ in range(MOST + 1)][-1]
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    for answer in answers.values():
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in answer.headers
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert exposed >= {"WWW-Authenticate", "Retry-After", "X-Request-ID"}


def read(gateway: Gateway, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{gateway.url}/api/v1/{path}", headers={"Origin": ORIGIN, **headers})


# P-1: a client that waits ten seconds for its answer gets one, though Supabase never gives any.
def test_sign_in_is_answered_within_ten_seconds_while_supabase_hangs(sqlite_gateway: Gateway) -> None:
    browser = sqlite_gateway.browser()
    page = browser.get(sqlite_gateway.registered().authorization_url())
    sqlite_gateway.supabase.stand_in.faults.set("slow", paths=["/token"], seconds=4)
    began = time.monotonic()
    answer = browser.sign_in(page, USER.email, USER.password)
    assert time.monotonic() - began < 10
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


# SEED-40, SEED-45, P-18: a redirect would lose the Authorization header, or lead to http.
@pytest.mark.parametrize(("path", "tool"), [("/mcp", "user_system_status"), ("/mcp-admin", "admin_system_status")])
def test_both_spellings_of_a_server_answer_without_a_redirect(sqlite_gateway: Gateway, path: str, tool: str) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client, ADMIN, resource=f"{sqlite_gateway.url}{path}")["access_token"]
    for spelling in (path, f"{path}/"):
        answer = client.call_tool(token, tool, spelling)
        assert answer.status_code == 200
        assert answer.json()["result"]["structuredContent"]["ok"] is True


# -- what the operator can find out


@dataclass(frozen=True, slots=True)
class Asked:
    """What is going to be refused, and with which status."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None


GARBAGE = {"Authorization": "Bearer garbage"}
REFUSALS = {
    "foreign host": Asked("GET", "/mcp", 421, {"Host": "evil.example"}),
    "foreign origin": Asked("POST", "/mcp", 403, {"Origin": "https://evil.example"}),
    "bad token at an MCP server": Asked("POST", "/mcp", 401, GARBAGE),
    "bad token at the API": Asked("GET", "/api/v1/users/me", 401, GARBAGE),
    "no form": Asked("POST", "/token", 400),
    "bad refresh token": Asked("POST", "/token", 401, form={"grant_type": "refresh_token", "refresh_token": "x"}),
    "bad revocation": Asked("POST", "/revoke", 401, form={"token": "x"}),
    "bad registration": Asked("POST", "/register", 400),
    "unknown client": Asked("GET", "/authorize?client_id=nobody", 400),
    "named by its client": Asked("POST", "/token", 400, {"X-Request-ID": "request-1"}),
}


# P-16, SEED-51
def test_log_knows_every_refusal_by_the_id_that_its_client_was_given_and_why_it_was(
    sqlite_database: str, supabase: RunningSupabase, tmp_path: Path
) -> None:
    listening, url = bind()
    listening.close()
    settings = settings_for(url, sqlite_database, supabase)
    ids: dict[str, str] = {}
    with (tmp_path / "log").open("wb") as file, serving(settings, port_of(url), log=file):
        for what, asked in REFUSALS.items():
            answer = httpx.request(asked.method, url + asked.path, data=asked.form, headers=asked.headers)
            assert answer.status_code == asked.status, what
            ids[what] = answer.headers["x-request-id"]
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    reasons = {event["request_id"]: event["reason"] for event in events if event.get("reason")}
    assert {what for what, request_id in ids.items() if request_id not in reasons} == set()
    assert ids["named by its client"] == "request-1"
    assert len(set(ids.values())) == len(ids)
