"""Tokens that are bound to a key (RFC 9449), from the authorization request to each of the resources."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.dpop import KEY, OTHER_KEY, jkt_of, proof
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient, claims_of

Eventually = Callable[[Callable[[], bool]], None]
PATHS = ("/mcp", "/mcp-admin", "/api/v1/users/me")


class BoundClient:
    """A client that proves its key with every request."""

    def __init__(self, gateway: Gateway, client: RawClient, key: Any = KEY) -> None:  # noqa: ANN401
        self.gateway, self.client, self.key = gateway, client, key

    def proof(self, method: str, path: str, token: str | None = None, **changed: Any) -> str:  # noqa: ANN401
        url = f"{self.gateway.url}{path}"
        return proof(method, url, self.gateway.clock(), **{"key": self.key, "access_token": token, **changed})

    def token(self, sent: str | None = None, **form: str | None) -> httpx.Response:
        given = {"client_id": self.client.client_id, **form}
        headers = {"DPoP": sent or self.proof("POST", "/token")}
        data = {name: value for name, value in given.items() if value is not None}
        return self.client.http.post(f"{self.client.node}/token", data=data, headers=headers)

    def redeem(self, code: str, sent: str | None = None, **form: str | None) -> httpx.Response:
        exchange = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": self.client.verifier,
        }
        return self.token(sent, **{**exchange, **form})

    def refresh(self, refresh_token: str, sent: str | None = None) -> httpx.Response:
        return self.token(sent, grant_type="refresh_token", refresh_token=refresh_token)

    def call(self, token: str, path: str = "/mcp", sent: str | None = None, scheme: str = "DPoP") -> httpx.Response:
        method = "GET" if path.startswith("/api") else "POST"
        headers = {"Authorization": f"{scheme} {token}", "DPoP": sent or self.proof(method, path, token)}
        if method == "GET":
            return self.client.http.get(f"{self.client.node}{path}", headers=headers)
        name = "whoami" if path == "/mcp" else "admin_system_status"
        return self.client.call_tool(None, name, path, **headers)


@pytest.fixture
def bound(gateway: Gateway) -> BoundClient:
    return BoundClient(gateway, gateway.registered())


@pytest.fixture
def sqlite_bound(sqlite_gateway: Gateway) -> BoundClient:
    return BoundClient(sqlite_gateway, sqlite_gateway.registered())


def tokens(bound: BoundClient, account: Any = USER, **asked: str) -> dict[str, Any]:  # noqa: ANN401
    answer = bound.redeem(bound.gateway.code(bound.client, account, **asked))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


# STD-183, STD-87
def test_token_is_bound_to_the_key_and_says_so(bound: BoundClient) -> None:
    issued = tokens(bound)
    assert issued["token_type"] == "DPoP"
    assert claims_of(issued["access_token"])["cnf"] == {"jkt": jkt_of(KEY)}
    assert bound.call(issued["access_token"]).status_code == 200


# STD-184
@pytest.mark.parametrize("path", PATHS)
def test_every_resource_takes_it_with_a_proof_and_with_nothing_less(sqlite_bound: BoundClient, path: str) -> None:
    resource = f"{sqlite_bound.gateway.url}/{path.split('/')[1]}"
    token = tokens(sqlite_bound, ADMIN, resource=resource)["access_token"]
    method = "GET" if path.startswith("/api") else "POST"
    assert sqlite_bound.call(token, path).status_code == 200
    other = BoundClient(sqlite_bound.gateway, sqlite_bound.client, OTHER_KEY)
    refused = {
        "as a bearer token": sqlite_bound.call(token, path, scheme="Bearer"),
        "by another key": other.call(token, path),
        "for another token": sqlite_bound.call(token, path, sqlite_bound.proof(method, path, "another")),
        "for no token": sqlite_bound.call(token, path, sqlite_bound.proof(method, path)),
        "for another path": sqlite_bound.call(token, path, sqlite_bound.proof(method, "/token", token)),
        "for another method": sqlite_bound.call(token, path, sqlite_bound.proof("PUT", path, token)),
        "of yesterday": sqlite_bound.call(token, path, sqlite_bound.proof(method, path, token, iat=1)),
        "that is none": sqlite_bound.call(token, path, "x"),
    }
    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(refused, 401)
    for name, answer in refused.items():
        challenge = ", ".join(answer.headers.get_list("www-authenticate"))
        assert challenge.startswith("Bearer resource_metadata="), name
        assert ('DPoP algs="ES256 RS256"' in challenge) is (name != "as a bearer token")
    # The verdict on the token is remembered by now, and counts for nothing without a proof.
    assert sqlite_bound.call(token, path).status_code == 200


# STD-184
def test_token_that_is_not_bound_is_not_taken_with_a_proof(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["access_token"]
    refused = BoundClient(sqlite_gateway, client).call(token)
    assert refused.status_code == 401
    assert 'DPoP algs="ES256 RS256", error="invalid_token"' in refused.headers.get_list("www-authenticate")[1]
    assert client.call_tool(token).status_code == 200


def test_two_proofs_are_one_too_many(sqlite_bound: BoundClient) -> None:
    token = tokens(sqlite_bound)["access_token"]
    headers = [
        ("Authorization", f"DPoP {token}"),
        ("DPoP", sqlite_bound.proof("GET", "/api/v1/users/me", token)),
        ("DPoP", sqlite_bound.proof("GET", "/api/v1/users/me", token)),
    ]
    assert httpx.get(f"{sqlite_bound.gateway.url}/api/v1/users/me", headers=headers).status_code == 401
    at_token = [("DPoP", sqlite_bound.proof("POST", "/token"))] * 2
    refused = httpx.post(
        f"{sqlite_bound.gateway.url}/token",
        data={"client_id": sqlite_bound.client.client_id, "grant_type": "refresh_token", "refresh_token": "rt_x"},
        headers=at_token,
    )
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")


# STD-187
def test_proof_counts_once_at_a_resource(sqlite_bound: BoundClient) -> None:
    token = tokens(sqlite_bound)["access_token"]
    now = int(sqlite_bound.gateway.clock().timestamp())
    for issued_at in (now, now + 29, now - 59):
        sent = sqlite_bound.proof("POST", "/mcp", token, iat=issued_at)
        assert sqlite_bound.call(token, sent=sent).status_code == 200
        assert sqlite_bound.call(token, sent=sent).status_code == 401
    edge = sqlite_bound.proof("POST", "/mcp", token, iat=now + 30)
    assert sqlite_bound.call(token, sent=edge).status_code == 200
    sqlite_bound.gateway.clock.advance(seconds=89)
    assert sqlite_bound.call(token, sent=edge).status_code == 401


# STD-187
def test_proof_counts_once_at_the_token_endpoint_over_all_nodes(
    bound: BoundClient, supabase: RunningSupabase, clock: SettableClock
) -> None:
    gateway = bound.gateway
    issued = tokens(bound)
    sent = bound.proof("POST", "/token")
    assert bound.refresh(issued["refresh_token"], sent).status_code == 200
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as other:
        elsewhere = gateway.client_at(other.listens_at)
        elsewhere.client_id = bound.client.client_id
        replayed = BoundClient(gateway, elsewhere).refresh(issued["refresh_token"], sent)
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_dpop_proof")


def test_of_many_uses_of_a_proof_at_once_one_counts(bound: BoundClient) -> None:
    issued = tokens(bound)
    sent = bound.proof("POST", "/token")
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: bound.refresh(issued["refresh_token"], sent).status_code, range(20)))
    assert sorted(statuses) == [200] + [400] * 19


# STD-182
def test_refresh_token_of_a_public_client_is_bound_and_a_wrong_key_costs_nothing(bound: BoundClient) -> None:
    issued = tokens(bound)
    thief = BoundClient(bound.gateway, bound.client, OTHER_KEY)
    for stolen in (thief.refresh(issued["refresh_token"]), bound.client.refresh(issued["refresh_token"])):
        assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_dpop_proof")
    renewed = bound.refresh(issued["refresh_token"]).json()
    assert claims_of(renewed["access_token"])["cnf"] == {"jkt": jkt_of(KEY)}
    assert thief.refresh(renewed["refresh_token"]).json()["error"] == "invalid_dpop_proof"
    # D-8: a retry still gets the same successor.
    assert bound.refresh(issued["refresh_token"]).json()["refresh_token"] == renewed["refresh_token"]


def test_client_that_begins_to_prove_its_key_is_held_to_it(bound: BoundClient) -> None:
    issued = bound.gateway.tokens(bound.client)
    renewed = bound.refresh(issued["refresh_token"]).json()
    assert renewed["token_type"] == "DPoP"
    assert bound.client.refresh(renewed["refresh_token"]).json()["error"] == "invalid_dpop_proof"
    assert bound.refresh(renewed["refresh_token"]).status_code == 200


def test_confidential_client_is_held_to_its_secret_and_may_change_its_key(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    bound = BoundClient(gateway, client)
    issued = bound.redeem(gateway.code(client), client_secret=client.client_secret).json()
    other = BoundClient(gateway, client, OTHER_KEY)
    renewed = other.token(
        grant_type="refresh_token", refresh_token=issued["refresh_token"], client_secret=client.client_secret
    ).json()
    assert claims_of(renewed["access_token"])["cnf"] == {"jkt": jkt_of(OTHER_KEY)}


# STD-186
def test_code_that_was_asked_for_with_a_key_is_redeemed_with_it_alone(bound: BoundClient) -> None:
    code = bound.gateway.code(bound.client, dpop_jkt=jkt_of(KEY))
    thief = BoundClient(bound.gateway, bound.client, OTHER_KEY)
    assert thief.redeem(code).json()["error"] == "invalid_dpop_proof"
    assert bound.client.redeem(code).json()["error"] == "invalid_dpop_proof"
    assert bound.redeem(code).status_code == 200


def test_thumbprint_that_is_none_is_refused(sqlite_bound: BoundClient) -> None:
    page = sqlite_bound.gateway.browser().get(sqlite_bound.client.authorization_url(dpop_jkt="x"))
    assert page.status_code == 400
    assert "thumbprint" in page.text


# STD-186
def test_proof_with_a_pushed_request_binds_its_code(bound: BoundClient) -> None:
    client, url = bound.client, f"{bound.gateway.url}/par"
    asked = dict(httpx.QueryParams(client.authorization_url().partition("?")[2]))
    wrong = {**asked, "dpop_jkt": jkt_of(OTHER_KEY)}
    refused = client.http.post(url, data=wrong, headers={"DPoP": bound.proof("POST", "/par")})
    assert refused.json()["error"] == "invalid_dpop_proof"
    pushed = client.http.post(url, data=asked, headers={"DPoP": bound.proof("POST", "/par")}).json()
    code = bound.gateway.code(client, request_uri=pushed["request_uri"])
    assert client.redeem(code).json()["error"] == "invalid_dpop_proof"
    assert bound.redeem(code).status_code == 200


def test_client_that_registered_for_it_gets_no_unbound_token(gateway: Gateway) -> None:
    client = gateway.registered(dpop_bound_access_tokens=True)
    code = gateway.code(client)
    assert client.redeem(code).json()["error"] == "invalid_dpop_proof"
    issued = BoundClient(gateway, client).redeem(code).json()
    assert client.refresh(issued["refresh_token"]).json()["error"] == "invalid_dpop_proof"


def test_introspection_names_the_key(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    issued = BoundClient(gateway, client).redeem(gateway.code(client), client_secret=client.client_secret).json()
    asked = {"client_id": client.client_id, "client_secret": client.client_secret, "token": issued["access_token"]}
    told = client.http.post(f"{gateway.url}/introspect", data=asked).json()
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": jkt_of(KEY)})


def test_bound_token_is_revoked_like_any_other(bound: BoundClient) -> None:
    issued = tokens(bound)
    assert bound.client.revoke(issued["refresh_token"]).status_code == 200
    assert bound.call(issued["access_token"]).status_code == 401


@pytest.fixture
def with_nonces(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[BoundClient]:
    with running_gateway(sqlite_url, supabase, clock, dpop_nonces=True) as gateway:
        yield BoundClient(gateway, gateway.registered())


# STD-185
def test_where_nonces_are_demanded_a_client_is_told_the_next_one(with_nonces: BoundClient) -> None:
    code = with_nonces.gateway.code(with_nonces.client)
    refused = with_nonces.redeem(code)
    assert (refused.status_code, refused.json()["error"]) == (400, "use_dpop_nonce")
    nonce = refused.headers["dpop-nonce"]
    issued = with_nonces.redeem(code, with_nonces.proof("POST", "/token", nonce=nonce)).json()
    token = issued["access_token"]
    for path in ("/mcp",):
        refused = with_nonces.call(token, path)
        assert refused.status_code == 401
        assert 'error="use_dpop_nonce"' in refused.headers.get_list("www-authenticate")[1]
        nonce = refused.headers["dpop-nonce"]
        assert with_nonces.call(token, path, with_nonces.proof("POST", path, token, nonce=nonce)).status_code == 200
        with_nonces.gateway.clock.advance(seconds=120)
        assert with_nonces.call(token, path, with_nonces.proof("POST", path, token, nonce=nonce)).status_code == 401


# F-20
def test_browser_clients_may_read_the_nonce(sqlite_gateway: Gateway) -> None:
    answer = httpx.post(f"{sqlite_gateway.url}/token", headers={"Origin": "https://app.example", "DPoP": "x"})
    assert "DPoP-Nonce" in answer.headers["access-control-expose-headers"]
