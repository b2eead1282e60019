"""A client that asks too much gets 429, in words that it knows, and readable from a browser (SEED-50)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from oauth.foundation.vocabulary import ResourceIndicator
from oauth.protocol.models import ClientAuthenticationMethod, Registration
from tests.support.builders import make_client
from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.gateway import ADMIN, AGENT, USER, Gateway, RunningSupabase, running_gateway

MOST = 30


@pytest.fixture
def limited(
    sqlite_template: SqliteTemplate, tmp_path: Path, supabase: RunningSupabase, clock: SettableClock
) -> Iterator[Gateway]:
    clock.now = clock.now.replace(second=0)  # the beginning of a window
    with (
        sqlite_template.database(tmp_path) as url,
        running_gateway(
            url, supabase, clock, requests_per_minute=MOST, allowed_origins=("https://app.test",)
        ) as running,
    ):
        yield running


def exhaust(gateway: Gateway) -> None:
    for _ in range(MOST):
        httpx.get(f"{gateway.url}/.well-known/jwks.json")


# SEED-50, F-3, F-20, F-35
@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/token", "https://anybody.test"),
        ("/register", "https://anybody.test"),
        ("/mcp", "https://app.test"),
        ("/.well-known/oauth-authorization-server", "https://anybody.test"),
    ],
)
def test_answer_is_readable_for_browser_clients(limited: Gateway, path: str, origin: str) -> None:
    exhaust(limited)
    response = httpx.post(limited.url + path, headers={"Origin": origin})
    assert response.status_code == 429
    assert response.json()["error"] == "temporarily_unavailable"
    assert response.headers["retry-after"] == "60"
    assert response.headers["access-control-allow-origin"] in {"*", origin}
    assert "Retry-After" in response.headers["access-control-expose-headers"]
    assert response.headers["x-request-id"]


# SEED-50, F-20
def test_api_answers_in_its_envelope(limited: Gateway, clock: SettableClock) -> None:
    exhaust(limited)
    response = httpx.get(f"{limited.url}/api/v1/users/me", headers={"Origin": "https://app.test"})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert response.headers["access-control-allow-origin"] == "https://app.test"
    clock.advance(minutes=2)
    assert httpx.get(f"{limited.url}/api/v1/users/me").status_code == 401


def test_health_is_never_refused(limited: Gateway) -> None:
    exhaust(limited)
    assert {httpx.get(f"{limited.url}/health").status_code for _ in range(MOST)} == {200}


# SEED-50, P-15
def test_signed_in_client_goes_on_while_its_address_is_full(limited: Gateway, clock: SettableClock) -> None:
    client = limited.registered()
    token = limited.tokens(client)["access_token"]
    clock.advance(minutes=2)
    assert client.call_tool(token).status_code == 200
    exhaust(limited)
    assert client.call_tool(token).status_code == 200
    assert client.call_tool("an-invented-token").status_code == 429
    assert {client.call_tool(token).status_code for _ in range(MOST)} == {200, 429}


# P-15: all users of a hosted assistant refresh from its few addresses.
def test_people_who_refresh_from_one_address_do_not_share_its_limit(limited: Gateway, clock: SettableClock) -> None:
    client = limited.registered()
    held = []
    for account in (USER, AGENT, ADMIN):
        held.append(limited.tokens(client, account)["refresh_token"])
        clock.advance(minutes=2)
    for _ in range(MOST - 5):
        held = [client.refresh(token).json()["refresh_token"] for token in held]
    assert httpx.get(f"{limited.url}/.well-known/jwks.json").status_code == 200


def test_resource_server_may_ask_as_often_as_it_is_called(limited: Gateway, clock: SettableClock) -> None:
    secret, method = "cs_of-a-resource-server", ClientAuthenticationMethod.CLIENT_SECRET_BASIC
    server = make_client(client_id="elsewhere", method=method, secret=secret, registration=Registration.PREREGISTERED)
    asking = replace(server, introspects=frozenset({ResourceIndicator(f"{limited.url}/mcp")}))
    limited.store(lambda store: store.clients.put(asking))
    token = limited.tokens(limited.registered())["access_token"]
    clock.advance(minutes=2)
    asked = [
        httpx.post(f"{limited.url}/introspect", data={"token": token}, auth=("elsewhere", secret)).json()["active"]
        for _ in range(2 * MOST)
    ]
    assert asked == [True] * (2 * MOST)


# SEED-50
def test_refreshing_does_not_begin_the_minute_anew(limited: Gateway, clock: SettableClock) -> None:
    client = limited.registered()
    tokens = limited.tokens(client)
    clock.advance(minutes=2)
    calls = 0
    while (refreshed := client.refresh(tokens["refresh_token"])).status_code == 200:
        tokens = refreshed.json()
        calls += client.call_tool(tokens["access_token"]).status_code == 200
        assert calls <= MOST
    assert refreshed.status_code == 429


# SEED-50
def test_invented_tokens_are_soon_refused_unread(limited: Gateway) -> None:
    client = limited.client()
    statuses = [client.call_tool(f"invented-{number}").status_code for number in range(MOST)]
    assert statuses == [401] * (MOST // 5) + [429] * (MOST - MOST // 5)


# A header that nobody reads is no way around the limit of an address.
@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/api/v1/auth/config", "/api/v1/nothing", "/authorize"])
def test_invented_header_at_a_public_address_buys_nothing(limited: Gateway, path: str) -> None:
    statuses = [
        httpx.get(limited.url + path, headers={"Authorization": f"Bearer {number}"}).status_code
        for number in range(MOST + 5)
    ]
    assert statuses[-5:] == [429] * 5
    assert 429 not in statuses[:MOST]


def test_session_that_is_good_at_the_api_has_a_limit_of_its_own(limited: Gateway) -> None:
    client = limited.registered()
    token = limited.tokens(client, resource=f"{limited.url}/api")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{limited.url}/api/v1/users/me", headers=headers).status_code == 200
    exhaust(limited)
    assert httpx.get(f"{limited.url}/api/v1/users/me", headers=headers).status_code == 200
