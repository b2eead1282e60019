"""The `supabase` package for Python signs in, and its session opens our REST routes (SEED-17)."""

import contextlib
from collections.abc import Iterator

import httpx
import pytest
from supabase import Client, ClientOptions, create_client

from tests.support.gateway import USER, Gateway


@pytest.fixture
def app(gateway: Gateway) -> Iterator[Client]:
    with contextlib.ExitStack() as opened:
        http = opened.enter_context(httpx.Client(timeout=20))
        options = ClientOptions(auto_refresh_token=False, httpx_client=http)
        yield create_client(gateway.supabase.url, gateway.supabase.stand_in.publishable_key, options)


def me(gateway: Gateway, app: Client) -> httpx.Response:
    session = app.auth.get_session()
    assert session is not None
    return httpx.get(f"{gateway.url}/api/v1/users/me", headers={"Authorization": f"Bearer {session.access_token}"})


# SEED-17
def test_session_of_an_app_opens_the_rest_routes_and_is_refreshed_by_the_app(gateway: Gateway, app: Client) -> None:
    app.auth.sign_in_with_password({"email": USER.email, "password": USER.password})
    assert me(gateway, app).json()["email"] == USER.email
    app.auth.refresh_session()
    assert me(gateway, app).json()["email"] == USER.email


def test_session_is_no_token_for_the_mcp_servers(gateway: Gateway, app: Client) -> None:
    session = app.auth.sign_in_with_password({"email": USER.email, "password": USER.password}).session
    assert session is not None
    for path in ("/mcp", "/mcp-admin"):
        assert gateway.client().call_tool(session.access_token, path=path).status_code == 401


def test_person_who_deletes_the_account_is_gone_everywhere(gateway: Gateway, app: Client) -> None:
    app.auth.sign_up({"email": "leaving@example.com", "password": "a-long-password-1"})
    app.auth.sign_in_with_password({"email": "leaving@example.com", "password": "a-long-password-1"})
    session = app.auth.get_session()
    assert session is not None
    headers = {"Authorization": f"Bearer {session.access_token}"}
    assert httpx.delete(f"{gateway.url}/api/v1/users/me", headers=headers).status_code == 200
    assert httpx.get(f"{gateway.url}/api/v1/users/me", headers=headers).status_code in {401, 403}
    with pytest.raises(Exception, match="Invalid login credentials"):
        app.auth.sign_in_with_password({"email": "leaving@example.com", "password": "a-long-password-1"})
