"""An outage is never an accusation (D-16): 503 and Retry-After, and afterwards everything goes on."""

import contextlib
import sqlite3
from collections.abc import Iterator

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.databases import PostgresqlTemplate
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway


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
