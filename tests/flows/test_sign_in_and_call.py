"""The main job: from the first 401 to a tool call, and on after a refresh and a restart."""

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from sqlalchemy import Connection

from oauth.database.sqlite import SqliteDatabase
from oauth.foundation.credentials import digest
from servers.composition.background import Intervals
from tests.support.clock import SettableClock
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import answer_of


def test_stranger_is_led_from_the_challenge_to_the_metadata_of_the_authorization_server(gateway: Gateway) -> None:
    client = gateway.client()
    refused = client.call_tool(None)
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    assert challenge == (
        f'Bearer resource_metadata="{gateway.url}/.well-known/oauth-protected-resource/mcp", scope="mcp:read"'
    )
    resource = httpx.get(f"{gateway.url}/.well-known/oauth-protected-resource/mcp").json()
    assert resource["resource"] == f"{gateway.url}/mcp"
    assert resource["authorization_servers"] == [gateway.url]
    server = httpx.get(f"{gateway.url}/.well-known/oauth-authorization-server").json()
    assert server["issuer"] == gateway.url


def test_person_signs_in_agrees_and_the_client_calls_a_tool(gateway: Gateway) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    sign_in = browser.get(client.authorization_url())
    assert "Sign in" in sign_in.text
    consent = browser.sign_in(sign_in, USER.email, USER.password)
    assert "Raw client" in consent.text
    assert "127.0.0.1" in consent.text
    redirect = browser.decide(consent)
    assert redirect.status_code == 303
    assert redirect.headers["location"].startswith(client.redirect_uri + "?")
    answer = answer_of(redirect)
    assert answer["state"] == "some-state"
    assert answer["iss"] == gateway.url

    tokens = client.redeem(answer["code"])
    assert tokens.status_code == 200
    assert tokens.headers["cache-control"] == "no-store"
    body = tokens.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 1800
    assert body["scope"] == "mcp:read"

    called = client.call_tool(body["access_token"])
    assert called.status_code == 200
    result = called.json()["result"]["structuredContent"]
    assert result["ok"] is True
    assert result["data"]["subject"] == USER.id
    assert result["data"]["client_id"] == client.client_id
    assert result["data"]["scopes"] == ["mcp:read"]


def test_access_token_is_a_jwt_that_our_jwks_alone_can_check(gateway: Gateway) -> None:
    client = gateway.registered()
    token = gateway.tokens(client)["access_token"]
    keys = jwt.PyJWKSet.from_dict(httpx.get(f"{gateway.url}/.well-known/jwks.json").json())
    header = jwt.get_unverified_header(token)
    assert header["typ"] == "at+jwt"
    assert header["alg"] == "ES256"
    claims = jwt.decode(
        token, keys[header["kid"]].key, algorithms=["ES256"], audience=f"{gateway.url}/mcp", issuer=gateway.url
    )
    assert set(claims) == {
        "iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "gid", "auth_time", "acr",
    }  # fmt: skip
    assert claims["aud"] == f"{gateway.url}/mcp"
    assert claims["sub"] == USER.id
    assert claims["acr"] == "aal1"
    assert claims["exp"] - claims["iat"] == 1800


def test_client_refreshes_and_calls_on(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    first = gateway.tokens(client)
    clock.advance(minutes=45)
    assert client.call_tool(first["access_token"]).status_code == 401
    second = client.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert client.call_tool(second["access_token"]).status_code == 200


def test_client_is_still_signed_in_after_the_server_was_restarted(
    database_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(database_url, supabase, clock) as before:
        client = before.registered()
        tokens, client_id = before.tokens(client), client.client_id
        url, port = before.url, int(urlsplit(before.url).port or 0)
    with running_gateway(database_url, supabase, clock, port_to_bind=port) as after:
        assert after.url == url
        client = after.client()
        client.client_id = client_id
        assert client.call_tool(tokens["access_token"]).status_code == 200
        assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_signed_in_browser_skips_the_sign_in_page_but_not_consent(gateway: Gateway) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    browser.connect(client.authorization_url(), USER.email, USER.password)
    again = browser.get(client.authorization_url())
    assert "wants access" in again.text
    assert USER.email in again.text


def test_not_you_leads_back_to_the_sign_in_page_of_the_same_request(gateway: Gateway) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    sign_in = browser.submit(consent, "/signout")
    assert "Sign in" in sign_in.text
    again = browser.get(client.authorization_url())
    assert "Sign in" in again.text


def test_rest_route_answers_with_the_account_for_a_token_of_the_api(gateway: Gateway) -> None:
    client = gateway.registered()
    resource = f"{gateway.url}/api"
    tokens = gateway.tokens(client, resource=resource, scope="api")
    me = httpx.get(f"{gateway.url}/api/v1/users/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert me.status_code == 200
    assert me.json()["email"] == USER.email
    assert me.json()["role"] == "user"


def test_rest_route_answers_a_supabase_session(gateway: Gateway) -> None:
    session = httpx.post(
        f"{gateway.supabase.url}/auth/v1/token?grant_type=password",
        json={"email": USER.email, "password": USER.password},
        headers={"apikey": gateway.supabase.stand_in.publishable_key},
    ).json()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    me = httpx.get(f"{gateway.url}/api/v1/users/me", headers=headers)
    assert me.status_code == 200
    assert me.json()["subject"] == USER.id
    assert me.json()["email"] == USER.email
    client = gateway.client()
    assert client.call_tool(session["access_token"]).status_code == 401
    assert client.call_tool(session["access_token"], "find_users", "/mcp-admin").status_code == 401


def test_signing_in_takes_two_write_transactions_and_ends_the_former_session(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One counts the attempt before it is made, one keeps what came of it."""
    written: list[object] = []
    write = SqliteDatabase.write

    async def counted(database: SqliteDatabase, work: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
        written.append(work)
        return await write(database, work)

    never = Intervals(**{field.name: timedelta(hours=1) for field in fields(Intervals)})
    with running_gateway(sqlite_url, supabase, clock, intervals=never) as gateway:
        client, browser = gateway.registered(), gateway.browser()
        page = browser.get(client.authorization_url())
        browser.sign_in(page, USER.email, USER.password)
        former = next(cookie.value for cookie in browser.http.cookies.jar if "session" in cookie.name)
        monkeypatch.setattr(SqliteDatabase, "write", counted)
        # The page of another window.
        browser.sign_in(page, USER.email, USER.password)
        assert len(written) == 2
        assert gateway.store(lambda store: store.people.session(digest(str(former)))) is None
