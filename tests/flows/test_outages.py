"""An outage is never an accusation (D-16): 503 and Retry-After, and afterwards everything goes on."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.databases import PostgresqlTemplate
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient, answer_of

Ask = Callable[[], httpx.Response]
ORIGIN = {"Origin": "https://app.example"}


@pytest.mark.parametrize("fault", ["down", "500", "429", "html"])
def test_sign_in_survives_a_provider_that_is_in_trouble(sqlite_gateway: Gateway, fault: str) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    sign_in = browser.get(client.authorization_url())
    sqlite_gateway.supabase.stand_in.faults.set(fault)
    page = browser.sign_in(sign_in, USER.email, USER.password)
    assert page.status_code == (429 if fault == "429" else 503)
    assert f'value="{USER.email}"' in page.text
    assert USER.password not in page.text
    if fault != "429":
        assert page.headers["retry-after"] == "5"
        assert "Nothing is lost" in page.text
    sqlite_gateway.supabase.stand_in.faults.clear()
    consent = browser.sign_in(page, USER.email, USER.password)
    assert "wants access" in consent.text


def test_issued_tokens_go_on_working_while_supabase_is_down(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    tokens = sqlite_gateway.tokens(client)
    sqlite_gateway.supabase.stand_in.faults.set("down")
    assert client.call_tool(tokens["access_token"]).status_code == 200
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    status = client.call_tool(tokens["access_token"], "user_system_status").json()["result"]["structuredContent"]
    assert status["data"] == {"overall": "degraded", "database": "operational", "sign_in": "down"}


# SEED-7, F-19, F-23
def test_supabase_session_is_a_503_and_not_a_401_while_its_keys_cannot_be_had(gateway: Gateway) -> None:
    session = httpx.post(
        f"{gateway.supabase.url}/auth/v1/token?grant_type=password",
        json={"email": USER.email, "password": USER.password},
        headers={"apikey": gateway.supabase.stand_in.publishable_key},
    ).json()
    gateway.supabase.stand_in.faults.set("500")
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    response = httpx.get(f"{gateway.url}/api/v1/users/me", headers=headers)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "AUTH_PROVIDER_UNREACHABLE"
    assert response.headers["retry-after"] == "5"


def test_rotated_supabase_keys_are_learnt_without_a_restart(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    sqlite_gateway.tokens(client)
    supabase = sqlite_gateway.supabase
    supabase.running.call(supabase.stand_in.rotate_signing_key())
    sqlite_gateway.clock.advance(seconds=31)  # a fetch is made at most every 30 s
    assert sqlite_gateway.tokens(client)["access_token"]


# F-12
def test_bad_tokens_cost_supabase_no_calls(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.client()
    forged = "eyJhbGciOiJFUzI1NiIsImtpZCI6InVua25vd24ifQ"
    payload = "eyJpc3MiOiJ4In0"
    before = sum(sqlite_gateway.supabase.stand_in.requests.values())
    for number in range(50):
        client.call_tool(f"{forged}.{payload}.{number:04d}")
        httpx.get(f"{sqlite_gateway.url}/api/v1/users/me", headers={"Authorization": f"Bearer {forged}.{number}.x"})
    assert sum(sqlite_gateway.supabase.stand_in.requests.values()) == before


def test_locked_database_is_a_503_and_the_same_code_works_afterwards(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    code = sqlite_gateway.code(client)
    path = sqlite_gateway.settings.database_url.removeprefix("sqlite:///")
    with locked(path):
        refused = client.redeem(code)
        assert refused.status_code == 503
        assert refused.json()["error"] == "temporarily_unavailable"
        assert refused.headers["retry-after"] == "5"
        assert refused.headers["cache-control"] == "no-store"
    tokens = client.redeem(code)
    assert tokens.status_code == 200
    assert client.refresh(tokens.json()["refresh_token"]).status_code == 200


# SEED-25
def test_database_that_is_gone_is_a_503_everywhere_and_heals(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        tokens = gateway.tokens(client)
        browser = gateway.browser()
        consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
        with postgresql_template.unreachable(postgresql_url):
            assert httpx.get(f"{gateway.url}/health").status_code == 200
            assert httpx.get(f"{gateway.url}/ready").status_code == 503
            for response in (
                client.refresh(tokens["refresh_token"]),
                client.revoke(tokens["refresh_token"]),
                client.register(),
            ):
                assert response.status_code == 503
                assert response.json()["error"] == "temporarily_unavailable"
                assert response.headers["retry-after"] == "5"
            page = browser.decide(consent)
            assert page.status_code == 503
            assert "not possible right now" in page.text
        assert client.refresh(tokens["refresh_token"]).status_code == 200
        assert browser.decide(consent).status_code == 303
        assert httpx.get(f"{gateway.url}/ready").status_code == 200


def test_token_whose_person_cannot_be_looked_up_is_a_503(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        tokens = gateway.tokens(client)
        with postgresql_template.unreachable(postgresql_url):
            clock.advance(minutes=1)
            response = client.call_tool(tokens["access_token"])
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
        assert client.call_tool(tokens["access_token"]).status_code == 200


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """A write lock of somebody else's."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


# -- a database that goes away under every endpoint that clients and people meet: nothing is half done


# D-16, F-19, F-20
def test_every_endpoint_for_programs_says_503_and_does_afterwards_what_was_asked(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        asked = programs(gateway, client)
        with postgresql_template.unreachable(postgresql_url):
            answers = {name: ask() for name, (ask, _) in asked.items()}
        for name, answer in answers.items():
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable"), name
            assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("5", "no-store"), name
            assert answer.headers.get("access-control-allow-origin") == (None if name == "introspect" else "*"), name
        afterwards = {name: ask().status_code for name, (ask, _) in asked.items()}
        assert afterwards == {name: status for name, (_, status) in asked.items()}


def programs(gateway: Gateway, client: RawClient) -> dict[str, tuple[Ask, int]]:
    """What is asked for, and the status when it can be had; each once, in this order."""
    managed = gateway.client().register().json()
    uri, bearer = managed["registration_client_uri"], f"Bearer {managed['registration_access_token']}"
    confidential = gateway.registered(token_endpoint_auth_method="client_secret_post")
    named = {"client_id": confidential.client_id, "client_secret": str(confidential.client_secret)}
    refreshed, revoked, ended = (gateway.tokens(client) for _ in range(3))
    code = {
        "grant_type": "authorization_code",
        "code": gateway.code(client),
        "redirect_uri": client.redirect_uri,
        "code_verifier": client.verifier,
    }
    mine = {"client_id": client.client_id}
    metadata = {"redirect_uris": [client.redirect_uri], "token_endpoint_auth_method": "none"}

    def post(path: str, **form: str) -> Ask:
        return lambda: client.http.post(f"{client.node}{path}", data=form, headers=ORIGIN)

    def manage(method: str, body: object = None) -> Ask:
        headers = {**ORIGIN, "Authorization": bearer}
        return lambda: client.http.request(method, uri, json=body, headers=headers)

    return {
        "code": (post("/token", **mine, **code), 200),
        "refresh": (post("/token", **mine, grant_type="refresh_token", refresh_token=refreshed["refresh_token"]), 200),
        "secret": (post("/token", **named, grant_type="client_credentials", resource=f"{gateway.url}/mcp"), 400),
        "revoke access": (post("/revoke", **mine, token=revoked["access_token"]), 200),
        "revoke refresh": (post("/revoke", **mine, token=ended["refresh_token"]), 200),
        "introspect": (post("/introspect", **named, token=revoked["access_token"]), 200),
        "push": (lambda: client.http.post(f"{client.node}/par", data=pushed(client), headers=ORIGIN), 201),
        "register": (lambda: client.http.post(f"{client.node}/register", json=metadata, headers=ORIGIN), 201),
        "read registration": (manage("GET"), 200),
        "change registration": (manage("PUT", {**metadata, "client_id": managed["client_id"]}), 200),
        "remove registration": (manage("DELETE"), 204),
    }


def pushed(client: RawClient) -> dict[str, str]:
    return dict(httpx.URL(client.authorization_url()).params)


# D-16, P-16: the page of whoever is in the middle of it goes on where it was.
def test_every_page_says_503_and_goes_on_afterwards_where_it_was(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        outside, inside = gateway.browser(), gateway.browser()
        sign_in = outside.get(client.authorization_url())
        consent = inside.sign_in(inside.get(client.authorization_url()), USER.email, USER.password)
        with postgresql_template.unreachable(postgresql_url):
            for page in (
                client.http.get(client.authorization_url()),
                client.http.get(client.authorization_url(client_id="https://app.example/client.json")),
                outside.get(str(sign_in.url)),
                outside.sign_in(sign_in, USER.email, USER.password),
                outside.submit(sign_in, "/signin", to="/signin/code", email=USER.email),
                outside.submit(sign_in, "/signin", to="/signin/provider", provider="github"),
                inside.get(str(consent.url)),
                inside.submit(consent, "/signout"),
                inside.decide(consent, "deny"),
                inside.decide(consent),
            ):
                assert (page.status_code, page.headers["retry-after"]) == (503, "5")
                assert "Nothing was changed and nothing is lost." in page.text
                assert USER.password not in page.text
        assert "code" in answer_of(inside.decide(consent))
        consent = outside.sign_in(sign_in, USER.email, USER.password)
        assert client.redeem(answer_of(outside.decide(consent))["code"]).status_code == 200


# STD-143: what could not be revoked is good until it is asked for again.
def test_token_that_could_not_be_revoked_is_good_until_it_is(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, postgresql_template: PostgresqlTemplate
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        client = gateway.registered()
        tokens = gateway.tokens(client)
        with postgresql_template.unreachable(postgresql_url):
            assert client.revoke(tokens["access_token"]).status_code == 503
            assert client.revoke(tokens["refresh_token"]).status_code == 503
        assert client.call_tool(tokens["access_token"]).status_code == 200
        refreshed = client.refresh(tokens["refresh_token"])
        assert refreshed.status_code == 200
        assert client.revoke(refreshed.json()["refresh_token"]).status_code == 200
        assert client.call_tool(tokens["access_token"]).status_code == 401
