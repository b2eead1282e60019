"""/mcp, /mcp-admin and the REST API: challenges, both protocol eras, Host, Origin, CORS (D-15, D-23, F-37)."""

import json
from typing import Any

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, AGENT, USER, Gateway
from tests.support.raw_client import RawClient

HANDSHAKE = ["2025-03-26", "2025-06-18", "2025-11-25"]
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def call(gateway: Gateway, token: str, name: str, arguments: dict[str, Any], path: str = "/mcp") -> dict[str, Any]:
    client = gateway.client()
    response = client.http.post(
        f"{gateway.url}{path}",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}},
        headers={**JSON, "Authorization": f"Bearer {token}", "MCP-Protocol-Version": "2025-11-25"},
    )
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()["result"]
    return result


# SEED-42, F-17
@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp-admin", "/mcp-admin/"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_without_a_token_the_challenge_says_where_to_get_one(sqlite_gateway: Gateway, path: str, method: str) -> None:
    response = httpx.request(method, f"{sqlite_gateway.url}{path}")
    assert response.status_code == 401
    challenge = response.headers["www-authenticate"]
    document = f"{sqlite_gateway.url}/.well-known/oauth-protected-resource{path.rstrip('/')}"
    assert f'resource_metadata="{document}"' in challenge
    assert "error=" not in challenge
    assert httpx.get(document).json()["resource"] == f"{sqlite_gateway.url}{path.rstrip('/')}"


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "é", "x" * 9000, "eyJhbGciOiJub25lIn0.e30.", "rt_something"])
def test_token_that_is_no_good_is_a_401_with_invalid_token(sqlite_gateway: Gateway, token: str) -> None:
    response = httpx.post(
        f"{sqlite_gateway.url}/mcp",
        headers=[(b"Authorization", b"Bearer " + token.encode()), (b"Host", host(sqlite_gateway))],
    )
    assert response.status_code == 401
    challenge = response.headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge
    assert "\n" not in challenge
    assert challenge.isascii()


def host(gateway: Gateway) -> bytes:
    return gateway.url.partition("://")[2].encode()


# F-16, P-10
def test_expired_token_is_a_401_and_never_a_guest(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    token = gateway.tokens(client)["access_token"]
    clock.advance(minutes=30, seconds=29)
    assert client.call_tool(token).status_code == 200
    clock.advance(seconds=2)
    refused = client.call_tool(token)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert "expired" in refused.headers["www-authenticate"]


# SEED-41, F-17
def test_token_is_good_at_the_resource_that_it_names_and_nowhere_else(gateway: Gateway) -> None:
    client = gateway.registered()
    mcp = gateway.tokens(client, ADMIN)["access_token"]
    admin = gateway.tokens(client, ADMIN, resource=f"{gateway.url}/mcp-admin", scope="mcp:admin")["access_token"]
    api = gateway.tokens(client, ADMIN, resource=f"{gateway.url}/api", scope="api")["access_token"]
    for token, good_at in ((mcp, "/mcp"), (admin, "/mcp-admin"), (api, "/api")):
        for path, tool in (("/mcp", "whoami"), ("/mcp-admin", "admin_system_status")):
            assert client.call_tool(token, tool, path).status_code == (200 if path == good_at else 401)
        me = httpx.get(f"{gateway.url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})
        assert me.status_code == (200 if good_at == "/api" else 401)


def test_token_in_the_query_is_not_looked_at(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["access_token"]
    response = httpx.post(f"{sqlite_gateway.url}/mcp?access_token={token}")
    assert response.status_code == 401
    assert "error=" not in response.headers["www-authenticate"]


def test_two_authorization_headers_are_none(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["access_token"]
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer other")]
    assert httpx.post(f"{sqlite_gateway.url}/mcp", headers=headers).status_code == 401


# SEED-40
@pytest.mark.parametrize("version", HANDSHAKE)
def test_handshake_era_is_served_without_sessions(sqlite_gateway: Gateway, version: str) -> None:
    client = sqlite_gateway.registered()
    headers = {**JSON, "Authorization": f"Bearer {sqlite_gateway.tokens(client)['access_token']}"}
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    opened = client.http.post(f"{sqlite_gateway.url}/mcp", json=hello, headers=headers)
    assert opened.json()["result"]["protocolVersion"] == version
    assert "mcp-session-id" not in opened.headers
    headers |= {"MCP-Protocol-Version": version, "Mcp-Session-Id": "invented"}
    listed = client.http.post(
        f"{sqlite_gateway.url}/mcp", json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, headers=headers
    )
    assert {tool["name"] for tool in listed.json()["result"]["tools"]} == {"whoami", "user_system_status"}


def test_newer_wire_refuses_headers_that_contradict_the_body(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["access_token"]
    lied = client.call_tool(token, "user_system_status", **{"Mcp-Name": "whoami"})
    assert lied.status_code == 400
    assert lied.json()["error"]["code"] == -32020


@pytest.mark.parametrize("version", [*HANDSHAKE, "2026-07-28"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_get_and_delete_are_405(sqlite_gateway: Gateway, method: str, version: str) -> None:
    client = sqlite_gateway.registered()
    headers = {
        "Authorization": f"Bearer {sqlite_gateway.tokens(client)['access_token']}",
        "MCP-Protocol-Version": version,
        "Accept": "text/event-stream",
    }
    response = httpx.request(method, f"{sqlite_gateway.url}/mcp", headers=headers)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


# SEED-40, P-18
def test_trailing_slash_is_served_without_a_redirect(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["access_token"]
    assert client.call_tool(token, path="/mcp/").status_code == 200


# SEED-45
def test_every_tool_has_annotations_and_an_output_schema(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    for account, path, scope in ((USER, "/mcp", "mcp:read"), (ADMIN, "/mcp-admin", "mcp:admin")):
        token = sqlite_gateway.tokens(client, account, resource=f"{sqlite_gateway.url}{path}", scope=scope)
        headers = {**JSON, "Authorization": f"Bearer {token['access_token']}", "MCP-Protocol-Version": "2025-11-25"}
        listed = client.http.post(
            f"{sqlite_gateway.url}{path}", json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, headers=headers
        )
        for tool in listed.json()["result"]["tools"]:
            assert set(tool["annotations"]) >= {"title", "readOnlyHint", "destructiveHint", "openWorldHint"}
            assert tool["outputSchema"]["properties"].keys() >= {"ok", "data", "error"}
            assert tool["description"]


# SEED-45
def test_user_system_status_tells_what_works(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["access_token"]
    status = call(sqlite_gateway, token, "user_system_status", {})["structuredContent"]
    assert status == {
        "ok": True,
        "data": {"overall": "operational", "database": "operational", "sign_in": "operational"},
        "error": None,
    }


def test_administrators_find_users_and_agents_see_them_masked(gateway: Gateway) -> None:
    client = gateway.registered()
    gateway.tokens(client, USER)
    admin = {"resource": f"{gateway.url}/mcp-admin", "scope": "mcp:admin"}
    for account, email in ((ADMIN, "user@example.com"), (AGENT, "u***@example.com")):
        token = gateway.tokens(client, account, **admin)["access_token"]
        found = call(gateway, token, "find_users", {"query": "USER@"}, "/mcp-admin")["structuredContent"]
        assert [user["email"] for user in found["data"]["users"]] == [email]
        assert found["data"]["complete"] is True
        refused = call(gateway, token, "find_users", {"query": "x"}, "/mcp-admin")
        assert refused["isError"] is True


def test_demoted_administrator_is_refused_at_the_next_call_on_this_node_and_soon_on_others(
    gateway: Gateway,
    eventually: Any,  # noqa: ANN401
) -> None:
    from oauth.foundation.vocabulary import Role  # noqa: PLC0415

    client = gateway.registered()
    admin = {"resource": f"{gateway.url}/mcp-admin", "scope": "mcp:admin"}
    tokens = gateway.tokens(client, ADMIN, **admin)
    assert client.call_tool(tokens["access_token"], "find_users", "/mcp-admin").status_code == 200
    gateway.set_role(ADMIN, Role.USER)  # as another node would
    eventually(lambda: client.call_tool(tokens["access_token"], "find_users", "/mcp-admin").status_code == 401)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


# F-6
def test_deactivated_person_is_refused_soon_at_every_resource(gateway: Gateway, eventually: Any) -> None:  # noqa: ANN401
    client = gateway.registered()
    token = gateway.tokens(client)["access_token"]
    assert client.call_tool(token).status_code == 200
    gateway.deactivate(USER)
    eventually(lambda: client.call_tool(token).status_code == 401)


# F-37
@pytest.mark.parametrize("path", ["/mcp", "/.well-known/oauth-authorization-server", "/authorize", "/token"])
def test_foreign_host_is_misdirected_and_told_the_right_address(sqlite_gateway: Gateway, path: str) -> None:
    response = httpx.get(f"{sqlite_gateway.url}{path}", headers={"Host": "evil.example"})
    assert response.status_code == 421
    assert sqlite_gateway.url in response.text
    assert "evil.example" not in response.text


# F-15
def test_nothing_is_built_from_headers_that_anybody_can_send(sqlite_gateway: Gateway) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp", "/mcp"):
        response = httpx.get(f"{sqlite_gateway.url}{path}", headers=forged)
        assert "evil.example" not in response.text + json.dumps(dict(response.headers))


# F-37
def test_foreign_origin_is_refused_at_the_mcp_servers(sqlite_gateway: Gateway) -> None:
    for path in ("/mcp", "/mcp-admin"):
        response = httpx.post(f"{sqlite_gateway.url}{path}", headers={"Origin": "https://evil.example"})
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers


# F-20
def test_browser_client_on_this_machine_can_connect(sqlite_gateway: Gateway) -> None:
    origin = "http://localhost:6274"
    preflight = httpx.options(
        f"{sqlite_gateway.url}/mcp",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version,mcp-method,mcp-name",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "mcp-protocol-version" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    refused = httpx.post(f"{sqlite_gateway.url}/mcp", headers={"Origin": origin})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]


# F-20
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/.well-known/oauth-authorization-server", 200),
        ("GET", "/.well-known/openid-configuration", 200),
        ("GET", "/.well-known/oauth-protected-resource/mcp", 200),
        ("GET", "/.well-known/jwks.json", 200),
        ("POST", "/token", 400),
        ("POST", "/revoke", 400),
        ("POST", "/register", 400),
        ("GET", "/token", 405),
    ],
)
def test_public_endpoints_answer_any_origin_errors_included(
    sqlite_gateway: Gateway, method: str, path: str, status: int
) -> None:
    response = httpx.request(method, f"{sqlite_gateway.url}{path}", headers={"Origin": "https://anywhere.example"})
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    preflight = {"Origin": "https://anywhere.example", "Access-Control-Request-Method": method}
    assert httpx.options(f"{sqlite_gateway.url}{path}", headers=preflight).status_code == 204


@pytest.mark.parametrize("path", ["/authorize", "/signin", "/consent"])
def test_pages_can_be_read_by_no_other_origin(sqlite_gateway: Gateway, path: str) -> None:
    response = httpx.get(f"{sqlite_gateway.url}{path}", headers={"Origin": "https://anywhere.example"})
    assert "access-control-allow-origin" not in response.headers
    assert "access-control-allow-origin" not in httpx.options(f"{sqlite_gateway.url}{path}").headers


# SEED-51, P-16
def test_request_id_is_taken_over_or_made(sqlite_gateway: Gateway) -> None:
    url = f"{sqlite_gateway.url}/health"
    assert httpx.get(url, headers={"X-Request-ID": "abc-123"}).headers["x-request-id"] == "abc-123"
    made = httpx.get(url, headers={"X-Request-ID": "no spaces, please"}).headers["x-request-id"]
    assert made != "no spaces, please"
    assert httpx.get(url).headers["x-request-id"] != made


# SEED-10
@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "AUTH_HEADER_MISSING"),
        ("", "INVALID_AUTH_HEADER"),
        ("Bearer", "INVALID_AUTH_HEADER"),
        ("Bearer a b", "INVALID_AUTH_HEADER"),
        ("Basic dTpw", "INVALID_AUTH_SCHEME"),
        ("Bearer garbage", "TOKEN_INVALID"),
    ],
)
def test_rest_refusals_have_a_code_and_a_challenge(sqlite_gateway: Gateway, header: str | None, code: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = httpx.get(f"{sqlite_gateway.url}/api/v1/users/me", headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == code
    assert f"{sqlite_gateway.url}/.well-known/oauth-protected-resource/api" in response.headers["www-authenticate"]


# SEED-25
def test_health_and_readiness_answer_whatever_the_host_is_called(sqlite_gateway: Gateway) -> None:
    for path, status in (("/health", "ok"), ("/ready", "ready")):
        response = httpx.get(f"{sqlite_gateway.url}{path}", headers={"Host": "10.0.0.7"})
        assert response.status_code == 200
        assert response.json()["status"] == status


def test_supabase_token_that_names_our_audience_is_taken_at_mcp(sqlite_gateway: Gateway) -> None:
    stranger = RawClient(sqlite_gateway.url)
    assert stranger.call_tool("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.AAAA").status_code == 401
    stranger.close()
