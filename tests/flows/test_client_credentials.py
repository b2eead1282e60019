"""Machines that act for themselves (OAuth 2.1 §4.2, the MCP extension for client credentials)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from oauth.foundation.vocabulary import ClientId
from oauth.protocol.clients import assertion as client_assertion
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.document_server import document_server
from tests.support.dpop import jkt_of, proof
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import CALLBACK, RawClient, claims_of

Command = Callable[..., Any]
Eventually = Callable[[Callable[[], bool]], None]

MACHINE = ("--auth", "client_secret_post", "--grant", "client-credentials")


def machine(gateway: Gateway, described: dict[str, Any]) -> RawClient:
    client = gateway.client()
    client.client_id, client.client_secret = described["client_id"], described.get("client_secret")
    return client


def ask(client: RawClient, **changed: str | None) -> httpx.Response:
    given = {
        "grant_type": "client_credentials",
        "client_secret": client.client_secret,
        "resource": f"{client.gateway}/mcp",
        **changed,
    }
    return client.token(**given)


# STD-228
def test_machine_gets_a_token_of_its_own_and_calls_with_it(gateway: Gateway, clients: Command) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read"))
    answer = ask(client)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "mcp:read")
    assert "refresh_token" not in body
    claims = claims_of(body["access_token"])
    assert claims["sub"] == claims["client_id"] == client.client_id
    assert claims["gty"] == "client_credentials"
    assert not {"acr", "auth_time"} & claims.keys()
    called = client.call_tool(body["access_token"]).json()["result"]["structuredContent"]["data"]
    assert (called["subject"], called["role"], called["client_id"]) == (client.client_id, None, client.client_id)


# STD-228: for a server elsewhere, whose scopes the operator's file declares.
def test_machine_is_added_with_the_scope_of_a_resource_elsewhere(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, run: Run
) -> None:
    tools = "https://tools.example/mcp"
    declared = [{"url": tools, "name": "Acme tools", "scopes": {"tools:use": "Use the tools of Acme"}}]
    file = {"database_url": sqlite_url, "resources": json.dumps(declared)}
    status, out, err = run("clients", "add", "Nightly", *MACHINE, "--scope", "tools:use", **file)
    assert status == 0, err
    with running_gateway(sqlite_url, supabase, clock, resources=declared) as gateway:
        answer = ask(machine(gateway, json.loads(out)), resource=tools)
        assert (answer.status_code, answer.json()["scope"]) == (200, "tools:use")
        assert claims_of(answer.json()["access_token"])["aud"] == tools
    status, _, err = run("clients", "add", "Nightly", *MACHINE, "--scope", "tools:more", **file)
    assert (status, err) == (2, "mcp-auth: There is no scope tools:more.\n")


def test_machine_can_sign_its_request(gateway: Gateway, clients: Command, tmp_path: Path) -> None:
    key = ec_key(31)
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [public_jwk(key.public_key(), "k")]}))
    described = clients(
        "add", "M", "--auth", "private_key_jwt", "--grant", "client-credentials", "--scope", "api", "--jwks", str(file)
    )
    client = machine(gateway, described)
    now = gateway.clock().timestamp()
    assertion = jws(
        {"alg": "ES256", "kid": "k"},
        {"iss": client.client_id, "sub": client.client_id, "aud": gateway.url, "exp": now + 60, "jti": "one"},
        es256(key),
    )
    signed = {"client_assertion": assertion, "client_assertion_type": client_assertion.TYPE}
    assert ask(client, resource=f"{gateway.url}/api", **signed).status_code == 200
    assert ask(client, resource=f"{gateway.url}/api", **signed).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"resource": None}, 400, "invalid_target"),
        ({"resource": "https://elsewhere.example/mcp"}, 400, "invalid_target"),
        ({"scope": "mcp:write"}, 400, "invalid_scope"),
        ({"scope": "mcp:read mcp:write"}, 400, "invalid_scope"),
        ({"scope": "unknown"}, 400, "invalid_scope"),
        ({"scope": "offline_access"}, 400, "invalid_scope"),
        ({"client_secret": "cs_wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
    ],
)
def test_machine_gets_nothing_that_it_was_not_registered_for(
    gateway: Gateway, clients: Command, changed: dict[str, str | None], status: int, error: str
) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read"))
    refused = ask(client, **changed)
    assert (refused.status_code, refused.json()["error"]) == (status, error)


def test_scope_that_implies_another_covers_it(gateway: Gateway, clients: Command) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:write"))
    assert ask(client, scope="mcp:read offline_access").json()["scope"] == "mcp:read"


# RFC 9449 §5.2
def test_machine_that_is_held_to_its_key_gets_no_unbound_token(gateway: Gateway, clients: Command) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read", "--dpop"))
    refused = ask(client)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    client.http.headers["DPoP"] = proof("POST", f"{gateway.url}/token", gateway.clock())
    bound = ask(client).json()
    assert bound["token_type"] == "DPoP"
    assert claims_of(bound["access_token"])["cnf"] == {"jkt": jkt_of()}


# D-13
def test_administration_is_not_for_machines(gateway: Gateway, clients: Command) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:admin"))
    assert ask(client, resource=f"{gateway.url}/mcp-admin").json()["error"] == "invalid_target"


# STD-226, STD-229
@pytest.mark.parametrize("auth", ["none", "client_secret_post"])
def test_client_of_people_cannot_act_for_itself(gateway: Gateway, clients: Command, auth: str) -> None:
    client = machine(gateway, clients("add", "App", CALLBACK, "--auth", auth, "--scope", "mcp:read"))
    assert ask(client).json()["error"] == "unauthorized_client"


# STD-226
@pytest.mark.parametrize("grants", [["client_credentials"], ["authorization_code", "client_credentials"]])
def test_nobody_registers_a_machine_by_themselves(sqlite_gateway: Gateway, grants: list[str]) -> None:
    wanted = {"grant_types": grants, "token_endpoint_auth_method": "client_secret_post"}
    refused = sqlite_gateway.client().register(**wanted)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
    other = sqlite_gateway.client()
    registered = other.register(token_endpoint_auth_method="client_secret_post").json()
    changed = other.http.put(
        registered["registration_client_uri"],
        json={"client_id": registered["client_id"], "redirect_uris": registered["redirect_uris"], **wanted},
        headers={"Authorization": f"Bearer {registered['registration_access_token']}"},
    )
    assert (changed.status_code, changed.json()["error"]) == (400, "invalid_client_metadata")
    assert ask(other).json()["error"] == "unauthorized_client"
    client = sqlite_gateway.registered(token_endpoint_auth_method="client_secret_post", scope="mcp:read")
    assert ask(client).json()["error"] == "unauthorized_client"


# STD-226: what a client publishes of itself has no more to say, however well it signs.
def test_description_makes_nobody_a_machine(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, tmp_path: Path
) -> None:
    url, key = "https://app.test/client.json", ec_key(32)
    described = {
        "client_id": url,
        "client_name": "A",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [public_jwk(key.public_key(), "k")]},
        "scope": "mcp:read",
    }
    with document_server(tmp_path) as hosts:
        hosts.publish(url, described)
        with running_gateway(sqlite_url, supabase, clock, network=hosts.network()) as gateway:
            client = machine(gateway, {"client_id": url})
            assert client.http.get(client.authorization_url()).status_code == 303
            claims = {"iss": url, "sub": url, "aud": gateway.url, "exp": clock().timestamp() + 60, "jti": "one"}
            signed = jws({"alg": "ES256", "kid": "k"}, claims, es256(key))
            proof_of_it = {"client_assertion": signed, "client_assertion_type": client_assertion.TYPE}
            assert ask(client, **proof_of_it).json()["error"] == "unauthorized_client"


# STD-227
def test_metadata_says_how_machines_prove_themselves(sqlite_gateway: Gateway) -> None:
    told = httpx.get(f"{sqlite_gateway.url}/.well-known/oauth-authorization-server").json()
    assert "client_credentials" in told["grant_types_supported"]
    assert {"private_key_jwt", "client_secret_basic"} <= set(told["token_endpoint_auth_methods_supported"])
    assert told["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "RS256"]


def test_machine_without_a_secret_cannot_be_registered(run: Run, sqlite_url: str) -> None:
    status, _, err = run("clients", "add", "M", "--grant", "client-credentials", database_url=sqlite_url)
    assert status == 2
    assert "are for clients that authenticate" in err


OF_PEOPLE: list[tuple[str, str, object]] = [
    ("GET", "/users/me", None),
    ("DELETE", "/users/me", None),
    ("POST", "/auth/delete-account", {"confirm": True}),
    ("POST", "/auth/last-method", {"method": "google"}),
    ("POST", "/auth/stream-ticket", {"path": "/api/v1/try/events"}),
]
# Of the operator's own routes, those that ask for somebody.
TRIED = ("user", "active", "agent", "admin", "cached", "aal2", "events", "events-or-token")


# STD-228
def test_what_is_of_people_is_refused_to_machines(
    gateway: Gateway, clients: Command, supabase: RunningSupabase, clock: SettableClock
) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "api"))
    token = ask(client, resource=f"{gateway.url}/api").json()["access_token"]
    routes = "tests.support.rest_routes:add_routes"
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway, routes=routes) as other:
        for method, path, body in [*OF_PEOPLE, *(("GET", f"/try/{name}", None) for name in TRIED)]:
            refused = client.http.request(
                method,
                f"{other.listens_at}/api/v1{path}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "PERSON_REQUIRED"), path
    # RFC 8707: nor does it work anywhere else; and it is good all the while.
    assert client.call_tool(token).status_code == 401
    asked = {"client_id": client.client_id, "client_secret": client.client_secret, "token": token}
    assert client.http.post(f"{gateway.url}/introspect", data=asked).json()["active"] is True


# STD-228: what is called like a person is nobody's account.
def test_machine_has_no_account_to_link(gateway: Gateway, clients: Command, run: Run) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "api"))
    url = gateway.settings.database_url
    status, _, err = run("users", "link", client.client_id, "https://idp.example", "x", database_url=url)
    assert (status, err.partition(":")[2].strip()) == (
        2,
        f"There is no user {client.client_id}: people get a row when they first sign in.",
    )


def test_tool_for_people_says_so_to_a_machine(
    gateway: Gateway, clients: Command, supabase: RunningSupabase, clock: SettableClock
) -> None:
    database_url = gateway.settings.database_url
    with running_gateway(
        database_url, supabase, clock, as_node_of=gateway, tools="tests.support.person_tools:add_tools"
    ) as other:
        client = gateway.client_at(other.listens_at)
        described = clients("add", "Nightly", *MACHINE, "--scope", "mcp:read")
        client.client_id, client.client_secret = described["client_id"], described["client_secret"]
        refused = client.call_tool(ask(client).json()["access_token"], "my_name").json()["result"]
        assert refused["isError"]
        assert "Only people can use this tool" in refused["content"][0]["text"]
        person = gateway.registered()
        told = client.call_tool(gateway.tokens(person)["access_token"], "my_name").json()["result"]
        assert told["structuredContent"] == {"result": USER.id}


def test_machine_that_is_switched_off_is_cut_off_everywhere(
    gateway: Gateway, clients: Command, eventually: Eventually
) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read"))
    token = ask(client).json()["access_token"]
    assert client.call_tool(token).status_code == 200
    elsewhere = machine(gateway, clients("add", "Weekly", *MACHINE, "--scope", "mcp:read"))
    others = ask(elsewhere).json()["access_token"]
    clients("disable", client.client_id)
    # D-6: within five seconds; the command ran outside of this node, as it would for every other.
    eventually(lambda: client.call_tool(token).status_code == 401)
    assert elsewhere.call_tool(others).status_code == 200
    assert ask(client).json()["error"] == "invalid_client"
    clients("enable", client.client_id)
    assert client.call_tool(ask(client).json()["access_token"]).status_code == 200
    assert client.call_tool(token).status_code == 401


def test_machine_revokes_its_own_token(gateway: Gateway, clients: Command) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read"))
    token = ask(client).json()["access_token"]
    assert client.revoke(token, client_secret=client.client_secret).status_code == 200
    assert client.call_tool(token).status_code == 401


def test_introspection_says_that_it_is_a_machine(gateway: Gateway, clients: Command) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read"))
    token = ask(client).json()["access_token"]
    asked = {"client_id": client.client_id, "client_secret": client.client_secret, "token": token}
    told = client.http.post(f"{gateway.url}/introspect", data=asked).json()
    assert (told["active"], told["sub"], told["gty"]) == (True, client.client_id, "client_credentials")
    assert "acr" not in told


def test_grants_of_machines_go_when_their_token_has_expired(
    gateway: Gateway, clients: Command, clock: SettableClock
) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read"))
    token = ask(client).json()["access_token"]
    clock.advance(minutes=31)
    assert client.call_tool(token).status_code == 401
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert gateway.store(lambda store: store.grants.get(claims_of(token)["gid"])) is None
    stored = gateway.store(lambda store: store.clients.get(ClientId(client.client_id)))
    assert stored is not None
    assert stored.expires_at is None


# SEED-6, D-16
def test_machines_need_no_supabase(gateway: Gateway, clients: Command) -> None:
    client = machine(gateway, clients("add", "Nightly", *MACHINE, "--scope", "mcp:read"))
    gateway.supabase.stand_in.faults.set("500")
    try:
        assert client.call_tool(ask(client).json()["access_token"]).status_code == 200
    finally:
        gateway.supabase.stand_in.faults.clear()


def test_person_who_is_an_administrator_is_no_machine(gateway: Gateway) -> None:
    client = gateway.registered()
    tokens = gateway.tokens(client, ADMIN, resource=f"{gateway.url}/mcp-admin", scope="mcp:admin")
    assert "gty" not in claims_of(tokens["access_token"])
