"""Resource servers elsewhere ask whether a token is good (RFC 7662)."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Role, Subject
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient
from tests.support.tokens import make_access_claims, make_access_token

Server = tuple[str, str]
INACTIVE = b'{"active":false}'


@pytest.fixture
def resource_server(run: Run, gateway: Gateway) -> Callable[..., Server]:
    """One that is registered for paths of the gateway. → its id and secret."""

    def register(*paths: str) -> Server:
        settings = gateway.settings
        status, out, err = run(
            "clients",
            "add-resource-server",
            "Elsewhere",
            *(f"{gateway.url}{path}" for path in paths),
            database_url=settings.database_url,
            public_url=gateway.url,
            secret=settings.root_secrets[0],
            supabase_url=settings.supabase_url,
            supabase_publishable_key="sb_publishable_1",
        )
        assert status == 0, err
        described = json.loads(out)
        return described["client_id"], described["client_secret"]

    return register


def ask(gateway: Gateway, caller: Server | None, token: str | None, **more: str) -> httpx.Response:
    form = {**({"token": token} if token is not None else {}), **more}
    return httpx.post(f"{gateway.url}/introspect", data=form, auth=caller)


@pytest.fixture
def client(gateway: Gateway) -> RawClient:
    return gateway.registered()


def test_good_token_is_described(gateway: Gateway, client: RawClient, resource_server: Callable[..., Server]) -> None:
    caller, tokens = resource_server("/mcp"), gateway.tokens(client)
    answer = ask(gateway, caller, tokens["access_token"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    described = answer.json()
    assert described.pop("jti")
    assert described.pop("exp") - described.pop("iat") == 1800
    assert described == {
        "active": True,
        "iss": gateway.url,
        "sub": USER.id,
        "aud": f"{gateway.url}/mcp",
        "client_id": client.client_id,
        "scope": tokens["scope"],
        "acr": "aal1",
        "token_type": "Bearer",
    }


# STD-146, STD-147, STD-149: identical bytes, whatever the reason.
def test_token_that_is_no_good_or_not_the_callers_business_is_inactive_and_no_more(
    gateway: Gateway, client: RawClient, resource_server: Callable[..., Server]
) -> None:
    caller, elsewhere = resource_server("/mcp"), resource_server("/api", "/mcp-admin")
    tokens, revoked, ended = (gateway.tokens(client) for _ in range(3))
    assert ask(gateway, caller, tokens["access_token"]).json()["active"] is True
    client.revoke(revoked["access_token"])
    client.revoke(ended["refresh_token"])
    forged = make_access_token({**make_access_claims(), "iss": gateway.url, "aud": f"{gateway.url}/mcp"})
    for token in (revoked["access_token"], ended["access_token"], tokens["refresh_token"], forged, "x", "a.b.c"):
        assert ask(gateway, caller, token).content == INACTIVE
    assert ask(gateway, elsewhere, tokens["access_token"]).content == INACTIVE
    gateway.clock.advance(minutes=31)
    assert ask(gateway, caller, tokens["access_token"]).content == INACTIVE


def test_token_of_somebody_who_may_no_longer_is_inactive(
    gateway: Gateway, client: RawClient, resource_server: Callable[..., Server]
) -> None:
    caller = resource_server("/mcp", "/mcp-admin")
    mine = gateway.tokens(client)["access_token"]
    admin = gateway.tokens(client, ADMIN, resource=f"{gateway.url}/mcp-admin")["access_token"]
    assert [ask(gateway, caller, token).json()["active"] for token in (mine, admin)] == [True, True]
    gateway.set_role(ADMIN, Role.USER)
    gateway.deactivate(USER)
    gateway.clock.advance(seconds=46)
    assert [ask(gateway, caller, token).content for token in (mine, admin)] == [INACTIVE, INACTIVE]
    assert gateway.database(lambda database: UserStore(database).get(Subject(USER.id))) is not None


# STD-145
@pytest.mark.parametrize("who", ["nobody", "a public client", "a wrong secret", "an unknown client"])
def test_caller_that_does_not_authenticate_is_refused(
    gateway: Gateway, client: RawClient, resource_server: Callable[..., Server], who: str
) -> None:
    token = gateway.tokens(client)["access_token"]
    callers: dict[str, tuple[Server | None, dict[str, str]]] = {
        "nobody": (None, {}),
        "a public client": (None, {"client_id": client.client_id}),
        "a wrong secret": ((resource_server("/mcp")[0], "cs_wrong"), {}),
        "an unknown client": (("client_unknown", "cs_wrong"), {}),
    }
    caller, form = callers[who]
    refused = ask(gateway, caller, token, **form)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert "active" not in refused.text


# STD-148
def test_introspection_is_a_post_with_a_token(gateway: Gateway, resource_server: Callable[..., Server]) -> None:
    caller = resource_server("/mcp")
    assert ask(gateway, caller, None).json()["error"] == "invalid_request"
    assert httpx.get(f"{gateway.url}/introspect", auth=caller).status_code == 405


def test_confidential_client_may_ask_about_its_own_tokens_alone(gateway: Gateway, client: RawClient) -> None:
    confidential = gateway.registered(token_endpoint_auth_method="client_secret_post")
    secret = str(confidential.client_secret)
    own = confidential.redeem(gateway.code(confidential), client_secret=secret).json()["access_token"]
    form = {"client_id": confidential.client_id, "client_secret": secret}
    assert ask(gateway, None, own, **form).json()["active"] is True
    assert ask(gateway, None, gateway.tokens(client)["access_token"], **form).content == INACTIVE


def test_outage_is_a_503_and_not_a_verdict(
    gateway: Gateway, client: RawClient, resource_server: Callable[..., Server]
) -> None:
    caller, token = resource_server("/mcp"), gateway.tokens(client)["access_token"]
    gateway.supabase.stand_in.faults.set("500")
    gateway.clock.advance(minutes=20)
    assert ask(gateway, caller, token).json()["active"] is True  # within the hour of D-14
    gateway.supabase.stand_in.faults.clear()


# D-6: what is remembered for speed is forgotten within five seconds.
def test_token_that_ends_at_one_node_is_inactive_at_the_other(
    gateway: Gateway,
    client: RawClient,
    resource_server: Callable[..., Server],
    supabase: RunningSupabase,
    clock: SettableClock,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    caller, ended, kept = resource_server("/mcp"), gateway.tokens(client), gateway.tokens(client)
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as other:

        def asked_there(token: str) -> bytes:
            asked = httpx.Request("POST", f"{other.listens_at}/introspect", data={"token": token})
            asked.headers["host"] = gateway.url.partition("://")[2]
            with httpx.Client(auth=caller) as http:
                return http.send(asked).content

        assert b'"active":true' in asked_there(ended["access_token"])
        client.revoke(ended["refresh_token"])
        assert ask(gateway, caller, ended["access_token"]).content == INACTIVE
        eventually(lambda: asked_there(ended["access_token"]) == INACTIVE)
        assert b'"active":true' in asked_there(kept["access_token"])


def test_resource_server_that_is_switched_off_or_gets_a_new_secret_is_refused_within_five_seconds(
    gateway: Gateway, client: RawClient, resource_server: Callable[..., Server], clients: Callable[..., Any]
) -> None:
    token = gateway.tokens(client)["access_token"]
    rotated, disabled = resource_server("/mcp"), resource_server("/mcp")
    assert {ask(gateway, caller, token).json()["active"] for caller in (rotated, disabled)} == {True}
    clients("rotate-secret", rotated[0])
    clients("rotate-secret", rotated[0], "--end")
    clients("disable", disabled[0])
    gateway.clock.advance(seconds=5)
    for caller in (rotated, disabled):
        assert ask(gateway, caller, token).json()["error"] == "invalid_client"


def test_resource_that_is_not_served_cannot_be_registered_for(run: Run, sqlite_url: str) -> None:
    settings: dict[str, Any] = {
        "database_url": sqlite_url,
        "public_url": "https://mcp.example.com",
        "secret": "a-root-secret-for-tests-0123456789-abcdefghij",
        "supabase_url": "https://abc.supabase.co",
        "supabase_publishable_key": "sb_publishable_1",
    }
    for resource in ((), ("https://mcp.example.com/other",)):
        status, _, err = run("clients", "add-resource-server", "Elsewhere", *resource, **settings)
        assert status == 2
        assert "is not among the resources https://mcp.example.com/mcp, " in err
    status, _, err = run(
        "clients", "add-resource-server", "E", "https://mcp.example.com/mcp", "--auth", "none", **settings
    )
    assert (status, err) == (2, "mcp-auth: A resource server has to authenticate: choose another auth.\n")
