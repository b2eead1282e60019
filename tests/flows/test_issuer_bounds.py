"""What an identity provider may give: the resources and clients that the operator leaves to it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.clients import assertion as client_assertion
from servers.composition.background import Intervals
from servers.configuration.loading import UnusableSettings
from tests.support.app_person import AppPerson
from tests.support.clock import SettableClock
from tests.support.complete_settings import load_with
from tests.support.document_server import DocumentServer
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import ADMIN, SOON, USER, Gateway, RunningSupabase, running_gateway
from tests.support.identity_assertions import ISSUER, KEY, assertion, exchange, introduce
from tests.support.raw_client import claims_of

KEYS = f"{ISSUER}/jwks.json"
TOOLS, VAULT = "https://tools.example/mcp", "https://vault.example/mcp"
ELSEWHERE: list[dict[str, Any]] = [
    {"url": TOOLS, "name": "Tools", "scopes": {"tools:use": "Use the tools"}},
    {"url": VAULT, "name": "Vault", "scopes": {"vault:open": "Open the vault"}, "roles": ["admin"]},
]
ASSISTANT = "https://other.test/assistant.json"
ASSISTANT_KEY = ec_key(44)
SIGNED = itertools.count()

Eventually = Callable[[Callable[[], bool]], None]
Trusting = Callable[..., AbstractContextManager[Gateway]]


@pytest.fixture
def hosts(hosts: DocumentServer) -> DocumentServer:
    hosts.publish(KEYS, {"keys": [public_jwk(KEY.public_key(), "k1")]})
    return hosts


@pytest.fixture
def trusting(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer) -> Trusting:
    """A gateway that trusts the issuer, within these bounds; user and administrator are its people."""

    @contextmanager
    def run(intervals: Intervals = SOON, **bounds: object) -> Iterator[Gateway]:
        with running_gateway(
            sqlite_url,
            supabase,
            clock,
            network=hosts.network(),
            intervals=intervals,
            resources=ELSEWHERE,
            trusted_issuers=[{"issuer": ISSUER, "jwks_uri": KEYS, **bounds}],
        ) as gateway:
            introduce(gateway)
            gateway.set_role(ADMIN, Role.ADMIN)
            gateway.store(lambda store: store.people.link(ISSUER, "okta|admin", Subject(ADMIN.id), clock()))
            yield gateway

    return run


def ask(gateway: Gateway, resource: str, subject: str = "okta|1") -> httpx.Response:
    """resource: a path here, or the address of one elsewhere."""
    named = f"{gateway.url}{resource}" if resource.startswith("/") else resource
    return exchange(gateway, assertion(gateway, sub=subject, resource=named, scope=None))


def outcome(gateway: Gateway, resource: str, subject: str = "okta|1") -> str:
    body = ask(gateway, resource, subject).json()
    return str(body.get("error", body.get("scope")))


# D-13, STD-220
def test_provider_gives_what_is_for_everybody_unless_the_operator_says_more(trusting: Trusting) -> None:
    with trusting() as gateway:
        assert outcome(gateway, "/mcp", "okta|admin") == "mcp:read"
        assert outcome(gateway, "/api", "okta|admin") == "api"
        assert outcome(gateway, TOOLS, "okta|admin") == "tools:use"
        for for_administrators in ("/mcp-admin", VAULT):
            assert outcome(gateway, for_administrators, "okta|admin") == "invalid_target"


# D-13
def test_provider_that_may_give_administration_gives_nobody_the_role(
    trusting: Trusting, eventually: Eventually
) -> None:
    with trusting(resources=["/mcp-admin", VAULT]) as gateway:
        assert outcome(gateway, "/mcp-admin") == outcome(gateway, VAULT) == "invalid_grant"
        token = ask(gateway, "/mcp-admin", "okta|admin").json()["access_token"]
        assert claims_of(token)["aud"] == f"{gateway.url}/mcp-admin"
        called = gateway.client().call_tool(token, "admin_system_status", "/mcp-admin")
        assert called.status_code == 200
        assert claims_of(ask(gateway, VAULT, "okta|admin").json()["access_token"])["aud"] == VAULT
        # Nothing but what is named.
        assert outcome(gateway, "/mcp", "okta|admin") == "invalid_target"
        gateway.set_role(ADMIN, Role.USER)
        eventually(lambda: gateway.client().call_tool(token, path="/mcp-admin").status_code == 401)
        assert outcome(gateway, "/mcp-admin", "okta|admin") == "invalid_grant"


def test_word_of_an_employer_is_no_second_factor(trusting: Trusting) -> None:
    with trusting(resources=["/mcp-admin"]) as gateway:
        gateway.close_later(AppPerson(gateway, ADMIN)).enroll()
        gateway.clock.advance(seconds=61)
        refused = ask(gateway, "/mcp-admin", "okta|admin").json()
        assert refused["error"] == "invalid_grant"
        assert "second factor" in refused["error_description"]


def test_token_is_for_nothing_that_the_provider_may_not_give(trusting: Trusting) -> None:
    with trusting(resources=["/mcp"]) as gateway:
        assert outcome(gateway, "/mcp") == "mcp:read"
        assert outcome(gateway, "/api") == outcome(gateway, TOOLS) == "invalid_target"
        # RFC 8707 §2.2: nor does the request widen it.
        refused = exchange(gateway, assertion(gateway), resource=f"{gateway.url}/api")
        assert refused.json()["error"] == "invalid_target"


# STD-15, STD-220: who may give the wider scope may give what it implies.
def test_provider_that_may_give_writing_may_give_reading(trusting: Trusting) -> None:
    with trusting(scopes=["mcp:write"]) as gateway:
        for named in ("mcp:read mcp:write", "mcp:read", None):
            given = exchange(gateway, assertion(gateway, scope=named)).json()
            assert given.get("scope") == (named or "mcp:read"), given


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ({"resources": ["/nope"]}, "The issuer https://app.test: /nope is not among the resources /mcp, /mcp-admin,"),
        ({"resources": ["https://auth.test/mcp/"]}, "https://auth.test/mcp/ is not among the resources"),
        ({"resources": []}, "trusted_issuers[0].resources"),
        ({"scopes": ["mcp:raed"]}, "The issuer https://app.test: There is no scope mcp:raed"),
    ],
)
def test_bound_that_means_nothing_is_named_at_the_start(bounds: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnusableSettings) as refused:
        load_with(trusted_issuers=[{"issuer": ISSUER, **bounds}], resources=ELSEWHERE)
    assert sentence in str(refused.value)


# -- clients that are known by the address of their description


def description(**changed: object) -> dict[str, object]:
    return {
        "client_id": ASSISTANT,
        "client_name": "An assistant",
        "redirect_uris": ["https://other.test/cb"],
        "token_endpoint_auth_method": "none",
        **changed,
    }


def of_assistant(gateway: Gateway, **sent: str | None) -> httpx.Response:
    by_it = assertion(gateway, client_id=ASSISTANT)
    return exchange(gateway, by_it, **{"client_id": ASSISTANT, "client_secret": None, **sent})


# D-8, D-19: nobody has connected it yet, and a token request looks nothing up.
def test_client_that_is_named_by_its_address_is_known_before_it_comes(
    trusting: Trusting, hosts: DocumentServer, eventually: Eventually
) -> None:
    hosts.publish(ASSISTANT, description())
    with trusting(clients=[ASSISTANT]) as gateway:
        eventually(lambda: of_assistant(gateway).status_code == 200)
        asked = list(hosts.asked)
        assert asked.count(ASSISTANT) == 1
        assert of_assistant(gateway).status_code == 200
        assert hosts.asked == asked


def test_client_that_is_named_by_its_address_signs_if_its_description_says_so(
    trusting: Trusting, hosts: DocumentServer, eventually: Eventually
) -> None:
    keys = {"keys": [public_jwk(ASSISTANT_KEY.public_key(), "a")]}
    hosts.publish(ASSISTANT, description(token_endpoint_auth_method="private_key_jwt", jwks=keys))
    with trusting(clients=[ASSISTANT]) as gateway:
        eventually(lambda: signed(gateway) == 200)
        assert of_assistant(gateway).json()["error"] == "invalid_client"


def signed(gateway: Gateway) -> int:
    now = gateway.clock().timestamp()
    claims = {"iss": ASSISTANT, "sub": ASSISTANT, "aud": gateway.url, "exp": now + 60, "jti": f"signed-{next(SIGNED)}"}
    signature = jws({"alg": "ES256", "kid": "a"}, claims, es256(ASSISTANT_KEY))
    return of_assistant(
        gateway, client_id=None, client_assertion=signature, client_assertion_type=client_assertion.TYPE
    ).status_code


# STD-224: its description alone makes a public client of strangers nobody's choice.
def test_client_that_nobody_names_is_not_looked_up(trusting: Trusting, hosts: DocumentServer) -> None:
    hosts.publish(ASSISTANT, description())
    with trusting() as gateway:
        assert of_assistant(gateway).json()["error"] == "invalid_client"
        assert ASSISTANT not in hosts.asked
        # Nor does it help that somebody has connected it.
        client = gateway.client(redirect_uri="https://other.test/cb")
        client.client_id = ASSISTANT
        gateway.tokens(client, USER)
        assert of_assistant(gateway).json()["error"] == "unauthorized_client"


def test_client_whose_description_cannot_be_had_is_looked_up_again(
    trusting: Trusting, hosts: DocumentServer, eventually: Eventually
) -> None:
    often = replace(SOON, client_documents=timedelta(milliseconds=100))
    with trusting(clients=[ASSISTANT], intervals=often) as gateway:
        eventually(lambda: ASSISTANT in hosts.asked)
        assert of_assistant(gateway).json()["error"] == "invalid_client"
        hosts.publish(ASSISTANT, description())
        gateway.clock.advance(seconds=31)
        eventually(lambda: of_assistant(gateway).status_code == 200)
