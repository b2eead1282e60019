"""What the reference system's users rely on, where no other test holds that part of it."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, inspect

from oauth.stores.opening import OpenDatabase
from servers.configuration.settings import GatewaySettings
from tests.support.app_person import AppPerson, sign_up
from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.document_server import Published, document_server
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway

ROUTES = "tests.support.rest_routes:add_routes"
HTTPS = "https://auth.example"
MOST = 20


@pytest.fixture
def sqlite_database(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[str]:
    with sqlite_template.database(tmp_path) as url:
        yield url


@pytest.fixture
def api(sqlite_database: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    with running_gateway(sqlite_database, supabase, clock, routes=ROUTES) as running:
        yield running


def signed_in(gateway: Gateway, account: object = USER) -> AppPerson:
    return gateway.close_later(AppPerson(gateway, account))


# -- REST


# SEED-10, SEED-15, SEED-16: a stream that lasts leaves the one connection there is to others.
@pytest.mark.parametrize("how", ["ticket", "header"])
def test_open_streams_hold_no_connection_of_the_pool(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock, how: str
) -> None:
    path = "/api/v1/try/silent"
    with (
        running_gateway(postgresql_url, supabase, clock, routes=ROUTES, database_pool_size=1) as gateway,
        contextlib.ExitStack() as streams,
    ):
        person = signed_in(gateway)
        for _ in range(3):
            if how == "ticket":
                ticket = person.post("/auth/stream-ticket", {"path": path}).json()["ticket"]
                opening = httpx.stream("GET", f"{gateway.url}{path}?token={ticket}", timeout=20)
            else:
                bearer = {"Authorization": f"Bearer {person.access_token}"}
                opening = httpx.stream("GET", f"{gateway.url}{path}", headers=bearer, timeout=20)
            stream = streams.enter_context(opening)
            assert stream.status_code == 200
            assert next(stream.iter_lines()) == "data: tick"
        admin = signed_in(gateway, ADMIN)
        assert admin.get("/try/user").status_code == 200
        assert admin.post("/auth/last-method", {"method": "password"}).status_code == 204


# SEED-15: a ticket is its person's, whoever brings it.
def test_ticket_stands_for_the_person_who_asked_for_it(api: Gateway) -> None:
    user, admin = signed_in(api), signed_in(api, ADMIN)
    path = "/api/v1/try/events"
    ticket = user.post("/auth/stream-ticket", {"path": path}).json()["ticket"]
    headers = {"Authorization": f"Bearer {admin.access_token}"}
    opened = httpx.get(f"{api.url}{path}", params={"token": ticket}, headers=headers)
    assert opened.text == f"data: {user.me()['id']}\n\n"


# SEED-17
def test_rest_keeps_nobody_signed_in(api: Gateway) -> None:
    person = signed_in(api)
    bearer = {"Authorization": f"Bearer {person.access_token}"}
    with httpx.Client(base_url=f"{api.url}/api/v1") as http:
        answer = http.get("/users/me", headers=bearer)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert http.get("/users/me").json()["error"]["code"] == "AUTH_HEADER_MISSING"
        api.clock.advance(hours=1, seconds=31)
        expired = http.get("/users/me", headers=bearer)
    assert (expired.status_code, expired.json()["error"]["code"]) == (401, "TOKEN_INVALID")


# SEED-17: with no method and with nothing else than the Supabase SDK.
@pytest.mark.parametrize("path", ["login", "refresh", "logout", "register"])
def test_nobody_signs_in_over_rest_with_whatever_method(sqlite_gateway: Gateway, path: str) -> None:
    statuses = {
        httpx.request(method, f"{sqlite_gateway.url}/api/v1/auth/{path}").status_code for method in ("GET", "PUT")
    }
    assert statuses == {404}


# SEED-20: each from the variable that apps have already.
def test_config_takes_each_client_id_from_its_own_variable(
    sqlite_database: str, supabase: RunningSupabase, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {f"google_{kind}_client_id": f"{kind}.apps.googleusercontent.com" for kind in ("web", "ios", "android")}
    for name, value in expected.items():
        monkeypatch.setenv(name.upper(), value)
    with running_gateway(sqlite_database, supabase, clock) as gateway:
        assert httpx.get(f"{gateway.url}/api/v1/auth/config").json() == expected


# SEED-21
def test_me_is_the_row_of_the_caller(api: Gateway) -> None:
    ada = sign_up(api, "ada@example.com", phone="919876543210")
    me = signed_in(api, ada).me()
    assert me.pop("id")
    assert me.pop("created_at") == api.clock().isoformat().replace("+00:00", "Z")
    assert me == {
        "subject": ada.id,
        "email": "ada@example.com",
        "phone": "+919876543210",
        "role": "user",
        "is_active": True,
        "last_auth_method": None,
        "last_auth_method_at": None,
    }


# SEED-24: ten a minute of each address, not of all of them together.
def test_identifier_status_counts_each_address_for_itself(
    sqlite_database: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_database, supabase, clock, identifier_status=True, trusted_proxy_hops=1) as gateway:

        def ask(number: int, address: str) -> int:
            url = f"{gateway.url}/api/v1/auth/identifier-status"
            body = {"identifier": f"somebody{number}@example.com"}
            return httpx.post(url, json=body, headers={"X-Forwarded-For": address}).status_code

        assert [ask(number, "203.0.113.9") for number in range(11)] == [200] * 10 + [429]
        assert ask(12, "203.0.113.10") == 200


# SEED-24
def test_identifier_may_have_320_characters(
    sqlite_database: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_database, supabase, clock, identifier_status=True) as gateway:
        for length, code in ((320, "IDENTIFIER_INVALID"), (321, "VALIDATION_FAILED")):
            body = {"identifier": "x" * length}
            refused = httpx.post(f"{gateway.url}/api/v1/auth/identifier-status", json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, code)


# SEED-30, SEED-31: rows without an identifier are not in its index at all.
@pytest.mark.parametrize("identifier", ["email", "phone"])
def test_index_of_an_identifier_is_unique_and_partial(gateway: Gateway, identifier: str) -> None:
    def look(connection: Connection) -> list[tuple[str, bool, str]]:
        name = connection.dialect.name
        return [
            (str(index["name"]), bool(index["unique"]), str(index["dialect_options"].get(f"{name}_where")))
            for index in inspect(connection).get_indexes("users")
            if index["column_names"] == [identifier]
        ]

    async def read(database: OpenDatabase) -> list[tuple[str, bool, str]]:
        return await database.read(look)

    ((name, unique, where),) = gateway.database(read)
    assert (name, unique) == (f"uq_users_{identifier}", True)
    assert where.strip("()") == f"{identifier} IS NOT NULL"


# SEED-52: they are optional, and without any the route stays shut.
@pytest.mark.parametrize("key", ["", "x", "a" * 32, "None"])
def test_no_key_is_good_where_none_is_configured(api: Gateway, key: str) -> None:
    refused = httpx.get(f"{api.url}/api/v1/try/service", headers={"x-api-key": key})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "API_KEY_INVALID")


# -- the MCP servers


# SEED-42: a document that does not come is waited for ten seconds at most.
def test_host_that_never_answers_keeps_nobody_waiting_longer_than_ten_seconds(
    sqlite_database: str, supabase: RunningSupabase, clock: SettableClock, tmp_path: Path
) -> None:
    url = "https://app.test/oauth/client.json"
    gone = threading.Event()
    with (
        document_server(tmp_path) as hosts,
        running_gateway(sqlite_database, supabase, clock, network=hosts.network()) as gateway,
    ):
        hosts.documents[url] = Published(b"{}", delay=gone)
        client = gateway.client()
        client.client_id = url
        began = time.monotonic()
        refused = client.http.get(client.authorization_url())
        took = time.monotonic() - began
        gone.set()
    assert took < 10
    assert refused.status_code == 400
    assert "could not be fetched" in refused.text


# SEED-42: RFC 7009 §2.2: nothing to revoke is no error, for whichever client.
@pytest.mark.parametrize("token", ["rt_unknown", "ac_unknown", "a.b.c", "x", "é"])
def test_unknown_token_is_revoked_already(sqlite_gateway: Gateway, token: str) -> None:
    assert sqlite_gateway.registered().revoke(token).status_code == 200


# -- around them


# SEED-50
def test_client_may_make_500_requests_in_a_minute_unless_configured_otherwise() -> None:
    assert GatewaySettings.model_fields["requests_per_minute"].default == 500


def at_https(gateway: Gateway, method: str, path: str, **headers: str) -> httpx.Response:
    """As the proxy in front of it asks, which takes the TLS off."""
    return httpx.request(method, f"{gateway.listens_at}{path}", headers={"Host": "auth.example", **headers})


@pytest.fixture
def production(sqlite_database: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """At an https address; a proxy is in front of it. It begins with a full minute."""
    clock.now = clock.now.replace(second=0)
    with running_gateway(
        sqlite_database, supabase, clock, public_url=HTTPS, routes=ROUTES, requests_per_minute=MOST
    ) as running:
        yield running


# SEED-51
@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/health", {}, 200),
        ("GET", "/ready", {}, 200),
        ("GET", "/.well-known/oauth-authorization-server", {}, 200),
        ("GET", "/authorize", {}, 400),
        ("POST", "/token", {}, 400),
        ("POST", "/mcp", {}, 401),
        ("POST", "/mcp", {"Origin": "https://evil.example"}, 403),
        ("OPTIONS", "/mcp", {"Origin": HTTPS, "Access-Control-Request-Method": "POST"}, 204),
        ("GET", "/api/v1/users/me", {}, 401),
        ("GET", "/api/v1/try/number?number=x", {}, 422),
        ("GET", "/no/such/path", {}, 404),
        ("PUT", "/token", {}, 405),
        ("GET", "/mcp", {"Host": "evil.example"}, 421),
    ],
)
def test_every_answer_has_the_headers_of_a_safe_site(
    production: Gateway, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = at_https(production, method, path, **{"X-Request-ID": "request-1", **headers})
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert answer.headers["x-request-id"] == "request-1"
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert "default-src 'none'" in answer.headers["content-security-policy"]


# SEED-51: also where something broke, or too much was asked.
def test_answers_to_errors_of_ours_and_to_floods_have_them_too(production: Gateway) -> None:
    client = AppPerson(production)
    bearer = {"Authorization": f"Bearer {client.access_token}"}
    client.close()
    broken = at_https(production, "GET", "/api/v1/try/broken/x", **bearer)
    limited = [at_https(production, "GET", "/api/v1/auth/config") for _ in range(MOST + 1)][-1]
    assert (broken.status_code, limited.status_code) == (500, 429)
    for answer in (broken, limited):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        assert answer.headers["x-request-id"]


# SEED-51: a browser that was told would reach http://localhost no more.
def test_plain_http_is_not_told_to_be_https(sqlite_gateway: Gateway) -> None:
    assert "strict-transport-security" not in httpx.get(f"{sqlite_gateway.url}/health").headers


# SEED-51, F-4: no other host, and nobody on the way, gives a browser its cookie.
def test_cookie_of_an_https_address_is_bound_to_it(production: Gateway) -> None:
    metadata = {"redirect_uris": ["http://127.0.0.1:33418/callback"], "token_endpoint_auth_method": "none"}
    at_production = {"Host": "auth.example"}
    made = httpx.post(f"{production.listens_at}/register", json=metadata, headers=at_production)
    client = production.client()
    client.client_id = made.json()["client_id"]
    query = client.authorization_url(resource=None).partition("?")[2]
    begun = at_https(production, "GET", f"/authorize?{query}")
    assert begun.status_code == 303
    cookie = begun.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
