"""Secrets of clients at the endpoints: nobody guesses them, and who guesses is in nobody's way (STD-46)."""

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.models import Client
from tests.support.clock import SettableClock
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient


def guess(gateway: Gateway, client: RawClient, path: str = "/token", sent: str = "cs_guess", **headers: str) -> int:
    asked = {
        "client_id": client.client_id,
        "client_secret": sent,
        "grant_type": "refresh_token",
        "refresh_token": "rt_x",
        "token": "x",
    }
    return httpx.post(f"{gateway.url}{path}", data=asked, headers=headers, timeout=30).status_code


# STD-46
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect", "/par"])
def test_guessing_at_a_secret_ends_where_it_comes_from_and_nowhere_else(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, path: str
) -> None:
    with running_gateway(sqlite_url, supabase, clock, trusted_proxy_hops=1) as gateway:
        client = gateway.registered(token_endpoint_auth_method="client_secret_post")
        guesser, elsewhere = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
        assert [guess(gateway, client, path, **guesser) for _ in range(21)] == [401] * 20 + [429]
        right = client.client_secret or ""
        # From there even the right one waits; from elsewhere it is good.
        assert guess(gateway, client, path, right, **guesser) == 429
        assert guess(gateway, client, path, right, **elsewhere) not in {401, 429}
        # It is known to be right by now, wherever it comes from.
        assert guess(gateway, client, path, right, **guesser) not in {401, 429}
        other = gateway.registered(token_endpoint_auth_method="client_secret_post")
        assert guess(gateway, other, path, other.client_secret or "", **guesser) not in {401, 429}
        clock.advance(minutes=10, seconds=1)
        assert guess(gateway, client, path, **guesser) == 401


def test_answer_says_when_to_try_again(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered(token_endpoint_auth_method="client_secret_post")
    for _ in range(20):
        guess(sqlite_gateway, client)
    refused = client.token(client_secret="cs_guess", grant_type="refresh_token", refresh_token="rt_x")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 600
    assert refused.json()["error"] == "temporarily_unavailable"
    assert refused.headers["cache-control"] == "no-store"


def test_guesses_are_counted_over_all_nodes(gateway: Gateway, supabase: RunningSupabase, clock: SettableClock) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as other:
        elsewhere = gateway.client_at(other.listens_at)
        elsewhere.client_id = client.client_id
        for each in [client, elsewhere] * 10:
            assert each.token(client_secret="cs_x", grant_type="refresh_token", refresh_token="rt").status_code == 401
        for each in (client, elsewhere):
            assert each.token(client_secret="cs_x", grant_type="refresh_token", refresh_token="rt").status_code == 429


# D-16
def test_flood_of_guesses_leaves_those_alone_who_have_shown_their_secret(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, client_secret_attempts=100_000) as gateway:
        known = gateway.registered(token_endpoint_auth_method="client_secret_post")
        right = known.client_secret or ""
        assert guess(gateway, known, sent=right) == 400
        victim = gateway.registered(token_endpoint_auth_method="client_secret_post")
        with ThreadPoolExecutor(80) as pool:
            flood = [pool.submit(guess, gateway, victim, sent=f"cs_guess_{number}") for number in range(300)]
            during = [guess(gateway, known, sent=right) for _ in range(20)]
            answers = {each.result() for each in flood}
        assert during == [400] * 20
        assert answers == {401, 503}


def test_secret_that_was_stored_as_a_plain_digest_is_still_good(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    secret = client.client_secret or ""

    async def as_before(store: object) -> None:
        stored: Client | None = await store.clients.get(ClientId(client.client_id))  # type: ignore[attr-defined]
        assert stored is not None
        await store.clients.put(replace(stored, secret_digest=digest(secret)))  # type: ignore[attr-defined]

    gateway.store(as_before)
    assert guess(gateway, client, sent=secret) == 400
    assert guess(gateway, client) == 401


# STD-47: of two Authorization headers one is for somebody else in front of us.
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect", "/par"])
def test_two_authorization_headers_are_two_ways_and_none_counts(sqlite_gateway: Gateway, path: str) -> None:
    client = sqlite_gateway.registered(token_endpoint_auth_method="client_secret_basic")
    right, wrong = (
        ("Authorization", f"Basic {b64encode(f'{client.client_id}:{secret}'.encode()).decode()}")
        for secret in (client.client_secret, "cs_wrong")
    )
    for headers in ([right, wrong], [wrong, right], [right, right]):
        form = {"grant_type": "refresh_token", "refresh_token": "rt_x", "token": "x"}
        refused = httpx.post(f"{client.node}{path}", data=form, headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


# STD-46: what a busy client sends after a restart is no guessing, however much of it arrives at once.
def test_right_secret_that_many_requests_bring_at_once_is_one_guess(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    secret = client.client_secret or ""
    with ThreadPoolExecutor(60) as pool:
        statuses = list(pool.map(lambda _: guess(gateway, client, sent=secret), range(60)))
    assert statuses == [400] * 60  # nothing is wrong but the refresh token


def test_wrong_secrets_that_arrive_at_once_are_counted_one_by_one(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    with ThreadPoolExecutor(30) as pool:
        statuses = sorted(pool.map(lambda number: guess(gateway, client, sent=f"cs_guess_{number}"), range(30)))
    assert statuses == [401] * 20 + [429] * 10
