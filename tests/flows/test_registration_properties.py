"""Whatever is sent to /register: it is registered as it says, or refused with a code, and nothing lies in between."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oauth.foundation.vocabulary import ClientId
from oauth.protocol.models import Client
from tests.support.clock import SettableClock
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.properties import load_profile

load_profile()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# Parts of redirect URIs, and whether a URI that is made of them may be registered. The oracle is how they are put
# together here, not a second reading of the result.
ORIGINS = {
    "https://app.example": True,
    "https://app.example:8443": True,
    "http://127.0.0.1": True,
    "http://127.0.0.1:33418": True,
    "http://[::1]:8080": True,
    "http://localhost": True,
    "http://app.example": False,
    "http://localhost.evil.example": False,
    "http://127.0.0.1.evil.example": False,
    "http://127.1": False,
    "http://user@127.0.0.1": False,
    "https://user@app.example": False,
    "https://app.example:port": False,
    "https://": False,
    "javascript:": False,
    "foo:": False,
    "com.example.app:": True,
}
TAILS = {
    "/cb": True,
    "/": True,
    "/cb?x=1": True,
    "/cb?code=1": False,
    "/cb#f": False,
    "/c b": False,
    "/cb\u00e9": False,
    "/cb\\x": False,
}
URIS = st.tuples(st.sampled_from(sorted(ORIGINS)), st.sampled_from(sorted(TAILS))).map(
    lambda parts: (parts[0] + parts[1], ORIGINS[parts[0]] and TAILS[parts[1]])
)
MEMBERS = [
    "client_name",
    "redirect_uris",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "scope",
    "jwks",
    "jwks_uri",
    "logo_uri",
    "software_statement",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
    "client_id",
    "client_secret",
]
ANSWERED = {
    "client_id",
    "client_id_issued_at",
    "client_name",
    "client_secret",
    "client_secret_expires_at",
    "dpop_bound_access_tokens",
    "grant_types",
    "redirect_uris",
    "registration_access_token",
    "registration_client_uri",
    "require_pushed_authorization_requests",
    "response_types",
    "scope",
    "token_endpoint_auth_method",
}
CODES = {"invalid_redirect_uri", "invalid_client_metadata"}


def stored(gateway: Gateway, client_id: str) -> Client | None:
    return gateway.store(lambda store: store.clients.get(ClientId(client_id)))


# STD-124 to STD-127, STD-132
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=5))
def test_body_of_any_shape_is_registered_as_the_answer_says_or_refused_with_its_code(
    sqlite_gateway: Gateway, changed: dict[str, Any]
) -> None:
    body = {"redirect_uris": ["https://app.example/cb"], **changed}
    answer = httpx.post(f"{sqlite_gateway.url}/register", json=body)
    told = answer.json()
    if answer.status_code == 400:
        assert told["error"] in CODES
        assert told.keys() == {"error", "error_description"}
        return
    assert answer.status_code == 201, answer.text
    assert told.keys() <= ANSWERED
    assert told["client_id"] != changed.get("client_id")
    client = stored(sqlite_gateway, told["client_id"])
    assert client is not None
    assert told["redirect_uris"] == list(client.redirect_uris)
    assert told["token_endpoint_auth_method"] == client.authentication_method
    assert set(told["grant_types"]) == set(client.grant_types) <= {"authorization_code", "refresh_token"}


# STD-129
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(uris=st.lists(URIS, min_size=1, max_size=3))
def test_redirect_uris_are_registered_all_or_none_as_their_parts_say(
    sqlite_gateway: Gateway, uris: list[tuple[str, bool]]
) -> None:
    asked = [uri for uri, _ in uris]
    answer = httpx.post(f"{sqlite_gateway.url}/register", json={"redirect_uris": asked})
    assert (answer.status_code == 201) is all(good for _, good in uris), asked
    if answer.status_code == 201:
        assert answer.json()["redirect_uris"] == list(dict.fromkeys(asked))
    else:
        assert answer.json()["error"] == "invalid_redirect_uri"


# STD-133
def test_flood_of_registrations_leaves_the_rows_bounded_and_everybody_else_alone(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(
        sqlite_url,
        supabase,
        clock,
        unused_registrations=100,
        registrations_per_address=100,
        trusted_proxy_hops=1,
    ) as gateway:
        settled = gateway.registered()
        tokens = gateway.tokens(settled)

        def register(number: int) -> int:
            body = {"redirect_uris": ["https://app.example/cb"], "client_name": f"flood {number}"}
            source = {"X-Forwarded-For": f"198.51.{number % 100}.{number // 100}"}
            return httpx.post(f"{gateway.url}/register", json=body, headers=source, timeout=30).status_code

        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(register, range(150)))
        assert set(statuses) == {201, 429}
        # Those that came at once may have counted each other late; none of them stays uncounted.
        assert len(gateway.store(lambda store: store.clients.newest(10_000))) <= 100 + 16 + 1
        renewed = settled.refresh(tokens["refresh_token"])
        assert renewed.status_code == 200
        assert settled.call_tool(renewed.json()["access_token"]).status_code == 200
        clock.advance(minutes=16)
        assert gateway.tokens(gateway.registered())["access_token"]


# STD-133, D-16
def test_registrations_at_once_wait_for_each_other_and_too_many_come_back_later(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    held = sqlite_gateway.tokens(client)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": held, "client_id": client.client_id}

    async def come_together() -> tuple[list[httpx.Response], httpx.Response]:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        async with httpx.AsyncClient(base_url=sqlite_gateway.url, limits=limits, timeout=30) as http:
            await asyncio.gather(*(http.get("/health") for _ in range(200)))
            bodies = [{"redirect_uris": ["https://app.example/cb"], "client_name": f"{n}"} for n in range(200)]
            *registered, refreshed = await asyncio.gather(
                *(http.post("/register", json=body) for body in bodies), http.post("/token", data=form)
            )
            return registered, refreshed

    registered, refreshed = asyncio.run(come_together())
    assert refreshed.status_code == 200
    assert {answer.status_code for answer in registered} == {201, 503}
    for answer in registered:
        if answer.status_code == 503:
            assert answer.json()["error"] == "temporarily_unavailable"
            assert answer.headers["retry-after"] == "5"


# F-20
@pytest.mark.parametrize("path", ["/token", "/par", "/register", "/revoke", "/introspect", "/register/client_x"])
def test_browser_clients_read_every_answer_that_is_for_them(sqlite_gateway: Gateway, path: str) -> None:
    """Preflights, and errors."""
    origin = {"Origin": "https://app.example"}
    preflight = httpx.options(
        f"{sqlite_gateway.url}{path}", headers={**origin, "Access-Control-Request-Method": "POST"}
    )
    refused = httpx.post(f"{sqlite_gateway.url}{path}", headers=origin)
    # What only servers ask is no page's business.
    readable = None if path == "/introspect" else "*"
    for answer in (preflight, refused):
        assert answer.headers.get("access-control-allow-origin") == readable
    assert refused.status_code >= 400
    if readable is not None:
        exposed = refused.headers["access-control-expose-headers"]
        assert {"WWW-Authenticate", "Mcp-Session-Id", "Retry-After"} <= set(exposed.split(", "))


# STD-50
@pytest.mark.parametrize("path", ["/authorize", "/signin", "/consent", "/signin/code", "/signin/factor", "/signout"])
def test_no_page_is_readable_from_another_origin(sqlite_gateway: Gateway, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = httpx.request(method, f"{sqlite_gateway.url}{path}", headers={"Origin": "https://app.example"})
        assert "access-control-allow-origin" not in answer.headers


# F-20, SEED-50
def test_browser_clients_read_that_there_were_too_many_requests(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, requests_per_minute=1) as gateway:
        answers = [httpx.post(f"{gateway.url}/token", headers={"Origin": "https://app.example"}) for _ in range(3)]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["access-control-allow-origin"] == "*"
    assert "Retry-After" in answers[-1].headers["access-control-expose-headers"]
