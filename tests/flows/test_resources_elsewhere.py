"""A resource server elsewhere: its tokens are issued here, and checked there with our public keys alone."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from mcp_auth.principal import Principal
from mcp_auth.rejection import Rejection
from mcp_auth.resource_server import JWKSTokenVerifier
from oauth.foundation.outages import Outage
from oauth.foundation.vocabulary import Role
from servers.configuration.loading import UnusableSettings
from tests.support.browser import Browser
from tests.support.clock import SettableClock
from tests.support.complete_settings import load_with
from tests.support.document_server import DocumentServer
from tests.support.dpop import proof
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.processes import port_of
from tests.support.raw_client import claims_of

TOOLS = "https://tools.example/mcp"
DECLARED = {"url": TOOLS, "name": "Acme tools", "scopes": {"tools:use": "Use the tools of Acme", "tools:more": "More"}}
KEYS = "https://app.test/jwks.json"


@dataclass
class Elsewhere:
    """The verifier there, and where our keys are published for it."""

    gateway: Gateway
    hosts: DocumentServer
    verifier: JWKSTokenVerifier

    def publish(self) -> None:
        keys = httpx.get(f"{self.gateway.url}/.well-known/jwks.json").json()
        self.hosts.publish(KEYS, keys)

    def verify(self, token: str) -> Principal | Rejection:
        return asyncio.run(self.verifier.verify(token))


@pytest.fixture
def gateway(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    for_admins = {**DECLARED, "url": f"{TOOLS}-admin", "roles": ["admin"]}
    with running_gateway(sqlite_url, supabase, clock, resources=[DECLARED, for_admins]) as running:
        running.set_role(ADMIN, Role.ADMIN)
        yield running


def tokens(gateway: Gateway, **asked: str) -> dict[str, Any]:
    return gateway.tokens(gateway.registered(), resource=TOOLS, **asked)


def test_person_is_asked_for_the_other_resource_and_its_token_is_for_it_alone(gateway: Gateway) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url(resource=TOOLS)), USER.email, USER.password)
    assert "Acme tools" in page.text
    assert "Use the tools of Acme" in page.text
    issued = tokens(gateway, scope="tools:use")
    assert claims_of(issued["access_token"])["aud"] == TOOLS
    assert issued["scope"] == "tools:use"
    assert client.call_tool(issued["access_token"]).status_code == 401
    # RFC 8707 §2.2: nor does a token for here become one for there.
    here = gateway.tokens(client)
    assert client.refresh(here["refresh_token"], resource=TOOLS).json()["error"] == "invalid_target"


def test_page_that_asks_for_a_scope_that_was_taken_away_is_no_longer_valid(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, resources=[DECLARED]) as before:
        client, port = before.registered(), port_of(before.url)
        browser = Browser(before.url)
        page = browser.sign_in(browser.get(client.authorization_url(resource=TOOLS)), USER.email, USER.password)
    fewer = {**DECLARED, "scopes": {"tools:use": "Use the tools of Acme"}}
    with (
        contextlib.closing(browser),
        running_gateway(sqlite_url, supabase, clock, port_to_bind=port, resources=[fewer]),
    ):
        for again in (browser.get(str(page.url)), browser.decide(page)):
            assert again.status_code == 400
            assert "This page is no longer valid" in again.text


# D-13
def test_roles_hold_for_a_resource_elsewhere_too(gateway: Gateway) -> None:
    client, browser = gateway.registered(), gateway.browser()
    url = client.authorization_url(resource=f"{TOOLS}-admin")
    assert "does not have the role" in browser.sign_in(browser.get(url), USER.email, USER.password).text


def test_its_document_is_its_own_affair(gateway: Gateway) -> None:
    metadata = httpx.get(f"{gateway.url}/.well-known/oauth-authorization-server").json()
    assert TOOLS in metadata["protected_resources"]
    assert {"tools:use", "tools:more"} <= set(metadata["scopes_supported"])
    here = httpx.get(f"{gateway.url}/.well-known/oauth-protected-resource/mcp").json()
    assert here["resource"] == f"{gateway.url}/mcp"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"url": "http://tools.example/mcp"}, "resources[0].url must be an https address"),
        ({"url": "https://Tools.example/mcp"}, "resources[0].url must be in lower case"),
        ({"url": "https://tools.example/mcp/"}, "resources[0].url must be in lower case"),
        ({"url": "https://tools.example/mcp?x=1"}, "resources[0].url must be an https address"),
        ({"scopes": {}}, "resources[0].scopes"),
        ({"scopes": {"a b": "x"}}, "resources[0].scopes must each be a short word"),
        ({"scopes": {"a": " "}}, "resources[0].scopes must each be a short word"),
        ({"baseline": ["other"]}, "resources[0] baseline names a scope"),
        ({"roles": ["king"]}, "resources[0].roles[0]"),
    ],
)
def test_resource_that_cannot_be_is_named_at_the_start(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnusableSettings) as refused:
        load_with(resources=[{**DECLARED, **changed}])
    assert sentence in str(refused.value)


def test_two_resources_of_one_url_are_refused() -> None:
    for twice in ([DECLARED, DECLARED], [{**DECLARED, "url": "https://auth.test/mcp"}]):
        with pytest.raises(UnusableSettings, match="two resources have the same url"):
            load_with(resources=twice)


# -- there


@pytest.fixture
def elsewhere(gateway: Gateway, hosts: DocumentServer, clock: SettableClock) -> Elsewhere:
    """A server with nothing of ours but the address of our keys."""
    verifier = JWKSTokenVerifier(gateway.url, TOOLS, jwks_uri=KEYS, clock=clock, network=hosts.network())
    there = Elsewhere(gateway, hosts, verifier)
    there.publish()
    return there


def refusal(outcome: Principal | Rejection) -> str:
    assert isinstance(outcome, Rejection), outcome
    return outcome.reason


# D-1: a public URL may have a port.
def test_keys_are_found_at_an_issuer_with_a_port(hosts: DocumentServer, clock: SettableClock) -> None:
    issuer, key, now = f"https://app.test:{hosts.port}", ec_key(3), int(clock().timestamp())
    hosts.publish(f"{issuer}/.well-known/jwks.json", {"keys": [public_jwk(key.public_key(), "k")]})
    claims = {
        "iss": issuer,
        "aud": TOOLS,
        "sub": USER.id,
        "client_id": "c",
        "scope": "tools:use",
        "jti": "0.a",
        "gid": "gr_a",
        "iat": now,
        "exp": now + 60,
        "auth_time": now,
        "acr": "aal1",
    }
    token = jws({"alg": "ES256", "typ": "at+jwt", "kid": "k"}, claims, es256(key))
    verifier = JWKSTokenVerifier(issuer, TOOLS, clock=clock, network=replace(hosts.network(), port=443))
    principal = asyncio.run(verifier.verify(token))
    assert isinstance(principal, Principal)
    assert principal.subject == USER.id
    assert hosts.resolved == ["app.test"]


def test_token_is_checked_there_with_our_keys_alone(elsewhere: Elsewhere) -> None:
    principal = elsewhere.verify(tokens(elsewhere.gateway, scope="tools:use")["access_token"])
    assert isinstance(principal, Principal)
    told = (principal.subject, sorted(principal.scopes), principal.resource)
    assert told == (USER.id, ["tools:use"], TOOLS)
    token = tokens(elsewhere.gateway)["access_token"]
    of_fastmcp = asyncio.run(elsewhere.verifier.verify_token(token))
    assert of_fastmcp is not None
    assert of_fastmcp.subject == USER.id
    assert len(elsewhere.hosts.asked) == 1


def test_token_that_is_not_for_it_or_no_good_is_refused_there(elsewhere: Elsewhere, clock: SettableClock) -> None:
    good = tokens(elsewhere.gateway)["access_token"]
    here = elsewhere.gateway.tokens(elsewhere.gateway.registered())["access_token"]
    assert refusal(elsewhere.verify(here)) == "wrong_audience"
    assert refusal(elsewhere.verify("a.b.c")) == "not_base64url"
    changed = good[:-8] + ("A" if good[-8] != "A" else "B") + good[-7:]
    assert refusal(elsewhere.verify(changed)) == "bad_signature"
    assert asyncio.run(elsewhere.verifier.verify_token(changed)) is None
    clock.advance(minutes=31)
    assert refusal(elsewhere.verify(good)) == "expired"


# F-12
def test_token_of_another_issuer_makes_nobody_fetch_keys(elsewhere: Elsewhere) -> None:
    claims = {"iss": "https://evil.example", "aud": TOOLS, "exp": 10**10}
    forged = jws({"alg": "ES256", "typ": "at+jwt", "kid": "x"}, claims, es256(ec_key(81)))
    assert refusal(elsewhere.verify(forged)) == "unknown_issuer"
    assert elsewhere.hosts.asked == []


# STD-184
def test_bound_token_is_no_bearer_token_there_either(elsewhere: Elsewhere) -> None:
    gateway = elsewhere.gateway
    client = gateway.registered()
    code = gateway.code(client, resource=TOOLS)
    headers = {"DPoP": proof("POST", f"{gateway.url}/token", gateway.clock())}
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": client.client_id,
        "code_verifier": client.verifier,
    }
    issued = client.http.post(f"{gateway.url}/token", data=form, headers=headers).json()
    assert issued["token_type"] == "DPoP"
    assert refusal(elsewhere.verify(issued["access_token"])) == "dpop_token_as_bearer"


# D-16
def test_outage_of_the_keys_is_raised_and_accuses_nobody(elsewhere: Elsewhere, clock: SettableClock) -> None:
    token = tokens(elsewhere.gateway)["access_token"]
    elsewhere.hosts.documents.clear()
    with pytest.raises(Outage):
        elsewhere.verify(token)
    elsewhere.publish()
    clock.advance(seconds=31)
    assert isinstance(elsewhere.verify(token), Principal)
