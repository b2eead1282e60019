"""POST /revoke (RFC 7009) and POST /register (RFC 7591)."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import answer_of


# SEED-42, F-26
def test_revoked_refresh_token_takes_the_access_token_with_it(gateway: Gateway) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    assert client.revoke(tokens["refresh_token"]).status_code == 200
    assert client.call_tool(tokens["access_token"]).status_code == 401
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_wrong_hint_still_finds_the_token(gateway: Gateway) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    client.revoke(tokens["refresh_token"], token_type_hint="access_token")
    assert client.call_tool(tokens["access_token"]).status_code == 401


def test_revoked_access_token_ends_alone(gateway: Gateway) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    assert client.revoke(tokens["access_token"]).status_code == 200
    assert client.call_tool(tokens["access_token"]).status_code == 401
    fresh = client.refresh(tokens["refresh_token"]).json()
    assert client.call_tool(fresh["access_token"]).status_code == 200


# SEED-42
def test_token_of_another_client_is_left_alone_and_the_answer_does_not_say_so(gateway: Gateway) -> None:
    owner, other = gateway.registered(), gateway.registered()
    tokens = gateway.tokens(owner)
    for token in (tokens["refresh_token"], tokens["access_token"], "rt_unknown", "a.b.c", "é"):
        response = other.revoke(token)
        assert (response.status_code, response.content) == (200, b"{}")
    assert owner.call_tool(tokens["access_token"]).status_code == 200
    assert owner.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_id": None}, 401, "invalid_client"),
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"token": None}, 400, "invalid_request"),
        ({"client_secret": "x"}, 401, "invalid_client"),
    ],
)
def test_faulty_revocation_is_refused(
    sqlite_gateway: Gateway, changed: dict[str, str | None], status: int, error: str
) -> None:
    client = sqlite_gateway.registered()
    given = {"client_id": client.client_id, "token": "rt_x", **changed}
    form = {name: value for name, value in given.items() if value is not None}
    response = client.http.post(f"{sqlite_gateway.url}/revoke", data=form)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_revocation_reaches_another_node(
    gateway: Gateway, supabase: RunningSupabase, clock: SettableClock, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    settings = gateway.settings
    with running_gateway(settings.database_url, supabase, clock, as_node_of=gateway) as other:
        elsewhere = other.client()
        assert elsewhere.call_tool(tokens["access_token"]).status_code == 200
        client.revoke(tokens["refresh_token"])
        eventually(lambda: elsewhere.call_tool(tokens["access_token"]).status_code == 401)


# SEED-42
def test_registration_says_what_is_in_force(sqlite_gateway: Gateway) -> None:
    response = sqlite_gateway.client().register(
        client_name="An app", scope="mcp:read unknown:scope", logo_uri="javascript:1", foo=[1]
    )
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    client_id = body.pop("client_id")
    assert client_id.startswith("client_")
    assert body.pop("client_id_issued_at") > 0
    assert body.pop("registration_access_token").startswith("rg_")
    assert body.pop("registration_client_uri") == f"{sqlite_gateway.url}/register/{client_id}"
    assert body == {
        "redirect_uris": ["http://127.0.0.1:33418/callback"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "client_name": "An app",
        "scope": "mcp:read",
    }


def test_default_method_is_a_secret_that_is_shown_once_and_stored_as_a_digest(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.client()
    body = client.register(token_endpoint_auth_method=None).json()
    assert body["token_endpoint_auth_method"] == "client_secret_basic"
    stored = sqlite_gateway.store(lambda store: store.clients.get(body["client_id"]))
    assert stored is not None
    assert stored.secret_digest is not None
    assert body["client_secret"].encode() not in stored.secret_digest


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "http://127.0.0.1/cb"}, "invalid_redirect_uri"),
        ({"redirect_uris": [1]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a.example/cb#f"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["foo:/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a.example/cb?iss=x"]}, "invalid_redirect_uri"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": 5}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["refresh_token"]}, "invalid_client_metadata"),
        ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"client_name": "x" * 500}, "invalid_client_metadata"),
        ({"client_name": "evil\u202ename"}, "invalid_client_metadata"),
        ({"client_name": ["x"]}, "invalid_client_metadata"),
        ({"scope": 7}, "invalid_client_metadata"),
        ({"scope": "a  b"}, "invalid_client_metadata"),
        ({"jwks": {}, "jwks_uri": "https://x.example/"}, "invalid_client_metadata"),
    ],
)
def test_faulty_metadata_is_refused_with_its_own_code(
    sqlite_gateway: Gateway, metadata: dict[str, object], error: str
) -> None:
    response = sqlite_gateway.client().register(**metadata)
    assert response.status_code == 400
    assert response.json()["error"] == error


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a": 1, "a": 2}',
        b"[" * 5000,
        b'{"client_name": "\\ud800"}',
        b"\xff",
        b'{"a": NaN}',
    ],
)
def test_body_that_is_no_json_object_is_refused(sqlite_gateway: Gateway, body: bytes) -> None:
    response = httpx.post(f"{sqlite_gateway.url}/register", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_client_metadata"


# P-3, P-13
def test_unused_registration_is_gone_after_a_day_and_the_client_is_told_to_register_again(
    gateway: Gateway, clock: SettableClock
) -> None:
    client = gateway.registered()
    clock.advance(hours=25)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    page = client.http.get(client.authorization_url())
    assert page.status_code == 400
    assert "not registered here" in page.text
    assert client.refresh("rt_x").json()["error"] == "invalid_client"


def test_registration_with_a_live_grant_stays(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client)
    clock.advance(days=20)
    gateway.store(lambda store: store.upkeep.sweep(clock() + timedelta(seconds=1), 100))
    assert client.refresh(tokens["refresh_token"]).status_code == 200


# SEED-50, F-3
def test_registrations_from_one_address_are_limited(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, registrations_per_address=3) as gateway:
        answers = [gateway.client().register() for _ in range(5)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 600
        assert answers[-1].json()["error"] == "temporarily_unavailable"
        clock.advance(minutes=10, seconds=1)
        assert gateway.client().register().status_code == 201


def test_registration_that_is_switched_off_is_neither_advertised_nor_there(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, dynamic_registration=False) as gateway:
        metadata = httpx.get(f"{gateway.url}/.well-known/oauth-authorization-server").json()
        assert "registration_endpoint" not in metadata
        assert gateway.client().register().status_code == 404


# SEED-43, STD-43
def test_known_app_registers_its_own_scheme_and_gets_its_answer_there(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.client(redirect_uri="cursor://anysphere.cursor-mcp/oauth/callback")
    assert client.register().status_code == 201
    redirect = sqlite_gateway.browser().connect(client.authorization_url(), USER.email, USER.password)
    assert redirect.headers["location"].startswith("cursor://anysphere.cursor-mcp/oauth/callback?code=")
    assert client.redeem(answer_of(redirect)["code"]).status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        "cursor://anysphere.cursor-mcp/oauth/callback?x=1",
        "cursor://anysphere.cursor-mcp/oauth/callback/",
        "cursor://evil/oauth/callback",
        "cursor:/oauth/callback",
        "CURSOR://anysphere.cursor-mcp/oauth/callback",
        "https://claude.ai/other",
        "https://claude.ai./api/mcp/auth_callback",
    ],
)
def test_what_only_looks_like_a_known_redirect_is_refused(sqlite_gateway: Gateway, uri: str) -> None:
    refused = sqlite_gateway.client().register(redirect_uris=[uri])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")


def test_callback_of_a_hosted_assistant_stands_alone(sqlite_gateway: Gateway) -> None:
    callback = "https://chatgpt.com/connector/oauth/abc123"
    assert sqlite_gateway.client().register(redirect_uris=[callback]).status_code == 201
    mixed = sqlite_gateway.client().register(redirect_uris=[callback, "https://evil.example/cb"])
    assert mixed.json()["error"] == "invalid_redirect_uri"


# STD-127: an object is one, however empty.
def test_registration_that_says_nothing_is_told_what_it_lacks(sqlite_gateway: Gateway) -> None:
    refused = httpx.post(f"{sqlite_gateway.url}/register", json={})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")
