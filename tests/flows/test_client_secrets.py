"""Secrets of clients at the endpoints: nobody guesses them, and who guesses is in nobody's way (STD-46)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from oauth.credentials import digest
from oauth.models import Client
from oauth.vocabulary import ClientId
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
        stored: Client | None = await store.client(ClientId(client.client_id))  # type: ignore[attr-defined]
        assert stored is not None
        await store.put_client(replace(stored, secret_digest=digest(secret)))  # type: ignore[attr-defined]

    gateway.store(as_before)
    assert guess(gateway, client, sent=secret) == 400
    assert guess(gateway, client) == 401
