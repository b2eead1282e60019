"""Enterprise-managed authorization: an identity provider's word for a person (ID-JAG, RFC 7523)."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mcp_auth.supabase import webhook
from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import ClientId, Subject
from oauth.protocol.clients import assertion as client_assertion
from oauth.protocol.models import Client, ClientAuthenticationMethod
from tests.support.app_person import AppPerson, change, sign_up
from tests.support.browser import continue_as, go_to_provider
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.databases import SqliteTemplate
from tests.support.document_server import DocumentServer
from tests.support.dpop import jkt_of, proof
from tests.support.forging import (
    Signer,
    constant,
    ec_key,
    es256,
    hs256,
    ps256,
    public_jwk,
    public_rsa_jwk,
    rs256,
    rsa_key,
)
from tests.support.gateway import AGENT, USER, Gateway, RunningSupabase, running_gateway, running_supabase
from tests.support.identity_assertions import CLIENT, ISSUER, KEY, SECRET, assertion, exchange, introduce
from tests.support.raw_client import CALLBACK, claims_of

OTHER = "https://other.test"
OTHER_KEY = ec_key(42)
# What a verifier that lets the token choose the algorithm would take for a shared secret.
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
WEBHOOK_KEY = b"a key for the tests of the webhook"
SETTINGS = (
    {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks.json", "provider": "github"},
    {"issuer": OTHER, "jwks_uri": f"{OTHER}/jwks.json", "scopes": ["mcp:read"], "clients": ["public-partner"]},
)

Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def hosts(hosts: DocumentServer) -> DocumentServer:
    hosts.publish(f"{ISSUER}/jwks.json", {"keys": [public_jwk(KEY.public_key(), "k1")]})
    hosts.publish(f"{OTHER}/jwks.json", {"keys": [public_jwk(OTHER_KEY.public_key(), "k1")]})
    return hosts


@pytest.fixture
def gateway(
    database_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> Iterator[Gateway]:
    secret = f"whsec_{b64encode(WEBHOOK_KEY).decode()}"
    with running_gateway(
        database_url, supabase, clock, network=hosts.network(), trusted_issuers=SETTINGS, webhook_secret=secret
    ) as running:
        introduce(running)
        yield running


@pytest.fixture(scope="module")
def gateway_of_module(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate, _hosts: DocumentServer
) -> Iterator[Gateway]:
    """One on SQLite, for what does not depend on the database."""
    folder, clock = tmp_path_factory.mktemp("shared"), SettableClock()
    for issuer, key in ((ISSUER, KEY), (OTHER, OTHER_KEY)):
        _hosts.publish(f"{issuer}/jwks.json", {"keys": [public_jwk(key.public_key(), "k1")]})
    with (
        running_supabase(folder / "supabase", clock) as supabase,
        sqlite_template.database(folder) as url,
        running_gateway(url, supabase, clock, network=_hosts.network(), trusted_issuers=SETTINGS) as running,
    ):
        introduce(running)
        yield running


def whoami(gateway: Gateway, token: str) -> dict[str, Any]:
    answer: dict[str, Any] = gateway.client().call_tool(token).json()["result"]["structuredContent"]["data"]
    return answer


# STD-214, STD-222
def test_person_is_acted_for_on_the_word_of_their_employer(gateway: Gateway) -> None:
    answer = exchange(gateway, assertion(gateway))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "mcp:read mcp:write")
    assert "refresh_token" not in body
    assert body["expires_in"] <= 1800
    claims = claims_of(body["access_token"])
    assert (claims["aud"], claims["exp"] - claims["iat"]) == (f"{gateway.url}/mcp", body["expires_in"])
    told = whoami(gateway, body["access_token"])
    assert (told["subject"], told["client_id"]) == (USER.id, "partner")


# STD-222: at the end of its life there is nothing that would renew it.
def test_token_ends_with_its_life_and_takes_a_new_assertion(gateway: Gateway, clock: SettableClock) -> None:
    token = exchange(gateway, assertion(gateway)).json()["access_token"]
    clock.advance(minutes=31)
    assert gateway.client().call_tool(token).status_code == 401
    assert exchange(gateway, assertion(gateway)).status_code == 200


# Nobody is called that, and PostgreSQL cannot be asked who is.
def test_subject_with_a_nul_is_nobody(gateway: Gateway) -> None:
    refused = exchange(gateway, assertion(gateway, sub="okta|1\0"))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


# STD-225
def test_metadata_says_that_it_works(gateway: Gateway) -> None:
    told = httpx.get(f"{gateway.url}/.well-known/oauth-authorization-server").json()
    assert "urn:ietf:params:oauth:grant-type:jwt-bearer" in told["grant_types_supported"]
    assert told["authorization_grant_profiles_supported"] == ["urn:ietf:params:oauth:grant-profile:id-jag"]


# STD-106
def test_where_nobody_is_trusted_there_is_no_such_grant(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    refused = client.token(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion="a.b.c")
    assert refused.json()["error"] == "unsupported_grant_type"
    told = httpx.get(f"{sqlite_gateway.url}/.well-known/oauth-authorization-server").json()
    assert "urn:ietf:params:oauth:grant-type:jwt-bearer" not in told["grant_types_supported"]
    assert "authorization_grant_profiles_supported" not in told


# STD-215, STD-216, STD-217, STD-218, STD-221
@pytest.mark.parametrize(
    "changed",
    [
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": None}},
        {"header": {"typ": ["oauth-id-jag+jwt"]}},
        {"header": {"alg": "none"}},
        {"header": {"alg": "none"}, "sign": constant(b"")},
        {"header": {"alg": "RS256"}},
        {"header": {"alg": "ES384"}},
        {"header": {"alg": "HS256"}, "sign": hs256(PUBLIC)},
        {"header": {"kid": None, "jwk": public_jwk(OTHER_KEY.public_key(), "k1")}, "key": OTHER_KEY},
        {"header": {"jku": "https://evil.example/jwks.json"}},
        {"header": {"kid": "unknown"}},
        {"key": OTHER_KEY},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": OTHER},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"aud": []},
        {"aud": "https://app.test"},
        {"client_id": "somebody-else"},
        {"client_id": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"resource": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 300},
        {"iat": None},
        {"iat": "now"},
        {"iat": True},
        {"iat": 10**10},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"nbf": 10**10},
        {"nbf": "now"},
        {"jti": 7},
        {"sub": "x" * 300},
        {"resource": ["https://app.test"]},
        {"auth_time": "yesterday"},
        {"cnf": {"jkt": "x"}},
        {"authorization_details": []},
        {"scope": 7},
        {"scope": "a  b"},
        {"sub": "okta|2"},
    ],
)
def test_anything_wrong_with_the_assertion_makes_it_worthless(
    gateway_of_module: Gateway, changed: dict[str, Any]
) -> None:
    refused = exchange(gateway_of_module, assertion(gateway_of_module, **changed))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("token", ["", "a.b.c", "not a token", "eyJ.e30."])
def test_what_is_no_assertion_is_refused(gateway_of_module: Gateway, token: str) -> None:
    refused = exchange(gateway_of_module, token)
    assert refused.status_code == 400
    assert refused.json()["error"] in {"invalid_grant", "invalid_request"}


# STD-216
def test_two_audiences_are_one_too_many(gateway_of_module: Gateway) -> None:
    url = gateway_of_module.url
    assert exchange(gateway_of_module, assertion(gateway_of_module, aud=[url])).status_code == 200
    for wrong in ([url, "https://elsewhere.example"], [url, url], [[url]], f"{url}/", f"{url}/token", url.upper()):
        refused = exchange(gateway_of_module, assertion(gateway_of_module, aud=wrong))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant"), wrong


# STD-214, D-17
@pytest.mark.parametrize("form", [{}, {"assertion": ""}, {"assertion": ["a.b.c", "a.b.c"]}])
def test_request_without_one_assertion_is_malformed(
    gateway_of_module: Gateway, form: dict[str, str | list[str]]
) -> None:
    sent = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": "partner",
        "client_secret": SECRET,
        **form,
    }
    refused = httpx.post(f"{gateway_of_module.url}/token", data=sent)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


# STD-215: RFC 7515 §4.1.9: with or without application/, in any case.
@pytest.mark.parametrize("typ", ["oauth-id-jag+jwt", "OAuth-ID-JAG+JWT", "application/oauth-id-jag+jwt"])
def test_type_is_a_media_type(gateway_of_module: Gateway, typ: str) -> None:
    assert exchange(gateway_of_module, assertion(gateway_of_module, header={"typ": typ})).status_code == 200


# STD-217
def test_client_cannot_bring_what_was_given_to_another(gateway_of_module: Gateway) -> None:
    other_secret = "cs_other-secret-0123456789abcdefghij"
    other = replace(CLIENT, client_id=ClientId("other"), secret_digest=digest(other_secret))
    _put(gateway_of_module, other)
    asked = {"client_id": "other", "client_secret": other_secret}
    assert exchange(gateway_of_module, assertion(gateway_of_module), **asked).json()["error"] == "invalid_grant"
    own = assertion(gateway_of_module, client_id="other")
    assert exchange(gateway_of_module, own, **asked).status_code == 200


# STD-156, STD-159: of all that a provider publishes, what is no good as a key is none.
def test_weak_and_broken_keys_of_a_provider_verify_nothing(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    weak, strong = rsa_key(1024), rsa_key(2048)
    good = public_jwk(KEY.public_key(), "k1")
    published = {
        "k1": good,
        "weak": public_rsa_jwk(weak.public_key(), "weak"),
        "strong": public_rsa_jwk(strong.public_key(), "strong"),
        "broken": {**good, "kid": "broken", "y": good["x"]},
        "unnamed": {name: value for name, value in good.items() if name != "alg"} | {"kid": "unnamed"},
        "secret": {"kty": "oct", "alg": "HS256", "kid": "secret", "k": "c2VjcmV0"},
    }
    hosts.publish(f"{ISSUER}/jwks.json", {"keys": list(published.values())})

    def outcome(kid: str, alg: str, sign: Signer) -> str:
        body = exchange(gateway, assertion(gateway, header={"kid": kid, "alg": alg}, sign=sign)).json()
        return str(body.get("error", "issued"))

    assert outcome("strong", "RS256", rs256(strong)) == "issued"
    assert outcome("k1", "ES256", es256(KEY)) == "issued"
    assert outcome("strong", "PS256", ps256(strong)) == "invalid_grant"
    assert outcome("weak", "RS256", rs256(weak)) == "invalid_grant"
    assert outcome("broken", "ES256", es256(KEY)) == "invalid_grant"
    # RFC 7517 §4.4: a key need not name its algorithm, and some providers' do not; the kind of key leaves one.
    assert outcome("unnamed", "ES256", es256(KEY)) == "issued"
    assert outcome("unnamed", "HS256", hs256(PUBLIC)) == "invalid_grant"
    assert outcome("secret", "HS256", hs256(b"secret")) == "invalid_grant"
    # D-16: where nothing else is published, nobody can tell.
    hosts.publish(f"{ISSUER}/jwks.json", {"keys": [published["weak"], published["broken"]]})
    clock.advance(hours=26)
    assert outcome("k1", "ES256", es256(KEY)) == "temporarily_unavailable"


# STD-165
def test_each_kind_of_token_is_good_for_its_own_purpose_alone(gateway: Gateway) -> None:
    client, word = gateway.client(), assertion(gateway)
    assert client.call_tool(word).status_code == 401
    me = httpx.get(f"{gateway.url}/api/v1/users/me", headers={"Authorization": f"Bearer {word}"})
    assert me.status_code == 401
    as_proof_of_a_client = exchange(
        gateway, word, client_secret=None, client_assertion=word, client_assertion_type=client_assertion.TYPE
    )
    assert as_proof_of_a_client.json()["error"] == "invalid_client"
    token = exchange(gateway, word).json()["access_token"]
    assert exchange(gateway, token).json()["error"] == "invalid_grant"
    assert exchange(gateway, gateway.close_later(AppPerson(gateway)).access_token).json()["error"] == "invalid_grant"


# RFC 9449 §5.2
def test_client_that_is_held_to_its_key_gets_no_unbound_token(gateway: Gateway) -> None:
    _put(gateway, replace(CLIENT, dpop_bound=True))
    word = assertion(gateway)
    refused = exchange(gateway, word)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": "partner",
        "client_secret": SECRET,
        "assertion": word,
    }
    headers = {"DPoP": proof("POST", f"{gateway.url}/token", gateway.clock())}
    bound = httpx.post(f"{gateway.url}/token", data=form, headers=headers).json()
    assert bound["token_type"] == "DPoP"
    assert claims_of(bound["access_token"])["cnf"] == {"jkt": jkt_of()}


# Nor is one that was made to be kept, in its last minutes.
@pytest.mark.parametrize("changed", [{"exp": 2 * 3600}, {"iat": -2 * 3600}])
def test_long_lived_assertion_is_none(gateway_of_module: Gateway, changed: dict[str, int]) -> None:
    now = int(gateway_of_module.clock().timestamp())
    times: dict[str, Any] = {name: now + seconds for name, seconds in changed.items()}
    assert exchange(gateway_of_module, assertion(gateway_of_module, **times)).json()["error"] == "invalid_grant"


# STD-219
def test_assertion_counts_once_on_all_nodes_and_across_restarts(
    gateway: Gateway, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    token = assertion(gateway)
    assert exchange(gateway, token).status_code == 200
    url = gateway.settings.database_url
    with running_gateway(
        url, supabase, clock, as_node_of=gateway, network=hosts.network(), trusted_issuers=SETTINGS
    ) as other:
        client = gateway.client_at(other.listens_at)
        client.client_id = "partner"
        again = client.token(
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=token, client_secret=SECRET
        )
        assert again.json()["error"] == "invalid_grant"
    clock.advance(seconds=329)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert exchange(gateway, token).json()["error"] == "invalid_grant"


# STD-219
def test_of_many_uses_at_once_one_counts(gateway: Gateway) -> None:
    token = assertion(gateway)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: exchange(gateway, token).status_code, range(20)))
    assert sorted(statuses) == [200] + [400] * 19


# STD-219: an id is its issuer's own.
def test_same_id_of_another_issuer_is_another_assertion(gateway: Gateway) -> None:
    gateway.store(lambda store: store.people.link(OTHER, "okta|1", Subject(USER.id), gateway.clock()))
    for issuer, key in ((ISSUER, KEY), (OTHER, OTHER_KEY)):
        assert exchange(gateway, assertion(gateway, iss=issuer, key=key, jti="the same")).status_code == 200
        again = exchange(gateway, assertion(gateway, iss=issuer, key=key, jti="the same"))
        assert again.json()["error"] == "invalid_grant"


def test_refused_request_does_not_spend_the_assertion(gateway: Gateway) -> None:
    token = assertion(gateway)
    assert exchange(gateway, token, scope="mcp:admin").json()["error"] == "invalid_scope"
    assert exchange(gateway, token, client_secret="cs_wrong").json()["error"] == "invalid_client"
    assert exchange(gateway, token).status_code == 200


# STD-220
@pytest.mark.parametrize(
    ("asserted", "asked", "granted"),
    [
        ("mcp:read mcp:write", None, "mcp:read mcp:write"),
        ("mcp:read mcp:write", "mcp:read", "mcp:read"),
        ("mcp:write", "mcp:read", "mcp:read"),
        ("mcp:read openid unknown", None, "mcp:read"),
        (None, None, "mcp:read"),
        ("mcp:read", "mcp:write", "invalid_scope"),
        ("mcp:read", "mcp:read mcp:write", "invalid_scope"),
        ("mcp:read", "offline_access", "invalid_scope"),
        ("mcp:admin", None, "invalid_scope"),
    ],
)
def test_token_has_no_more_scope_than_the_assertion(
    gateway_of_module: Gateway, asserted: str | None, asked: str | None, granted: str
) -> None:
    body = exchange(gateway_of_module, assertion(gateway_of_module, scope=asserted), scope=asked).json()
    assert body.get("scope", body.get("error")) == granted


# STD-220
def test_token_is_for_the_resource_of_the_assertion(gateway_of_module: Gateway) -> None:
    gateway = gateway_of_module
    foreign = assertion(gateway, resource="https://elsewhere.example/mcp")
    assert exchange(gateway, foreign).json()["error"] == "invalid_target"
    assert exchange(gateway, assertion(gateway), resource=f"{gateway.url}/api").json()["error"] == "invalid_target"
    for_api = assertion(gateway, resource=f"{gateway.url}/api/", scope="api")
    token = exchange(gateway, for_api).json()["access_token"]
    me = httpx.get(f"{gateway.url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["email"] == USER.email


# STD-223
def test_same_subject_of_another_provider_is_another_person(gateway: Gateway) -> None:
    gateway.tokens(gateway.registered(), AGENT)
    gateway.store(lambda store: store.people.link(OTHER, "okta|1", Subject(AGENT.id), gateway.clock()))
    for issuer, key, person in ((ISSUER, KEY, USER), (OTHER, OTHER_KEY, AGENT)):
        token = exchange(gateway, assertion(gateway, key=key, iss=issuer)).json()["access_token"]
        assert whoami(gateway, token)["subject"] == person.id


# STD-223
def test_an_email_address_links_nobody(gateway_of_module: Gateway) -> None:
    claims: dict[str, Any] = {"sub": "okta|unknown", "email": USER.email, "email_verified": True}
    refused = exchange(gateway_of_module, assertion(gateway_of_module, **claims))
    assert refused.json()["error"] == "invalid_grant"
    assert "sign in here once" in refused.json()["error_description"]


def test_operator_can_bound_what_a_provider_gives(gateway: Gateway) -> None:
    gateway.store(lambda store: store.people.link(OTHER, "okta|1", Subject(USER.id), gateway.clock()))
    assert exchange(gateway, assertion(gateway, key=OTHER_KEY, iss=OTHER)).json()["scope"] == "mcp:read"


# STD-224
def test_public_client_brings_assertions_only_where_the_operator_names_it(gateway: Gateway) -> None:
    public = replace(
        CLIENT,
        client_id=ClientId("public-partner"),
        authentication_method=ClientAuthenticationMethod.NONE,
        secret_digest=None,
    )
    _put(gateway, public)
    gateway.store(lambda store: store.people.link(OTHER, "okta|1", Subject(USER.id), gateway.clock()))
    named = assertion(gateway, key=OTHER_KEY, iss=OTHER, client_id="public-partner")
    unnamed = assertion(gateway, client_id="public-partner")
    asked = {"client_id": "public-partner", "client_secret": None}
    assert exchange(gateway, named, **asked).status_code == 200
    assert exchange(gateway, unnamed, **asked).json()["error"] == "unauthorized_client"


# STD-224
def test_client_that_registered_itself_has_no_such_grant(gateway: Gateway) -> None:
    client = gateway.registered(
        token_endpoint_auth_method="client_secret_post",
        grant_types=["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
    )
    token = assertion(gateway, client_id=client.client_id)
    refused = exchange(gateway, token, client_id=client.client_id, client_secret=client.client_secret)
    assert refused.json()["error"] == "unauthorized_client"


# STD-224: nor does a change of its registration help, nor what it publishes of itself.
def test_client_that_changes_or_publishes_its_registration_has_no_such_grant(
    gateway: Gateway, hosts: DocumentServer
) -> None:
    wanted = {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"]}
    kept = ("client_id", "redirect_uris", "token_endpoint_auth_method")
    client = gateway.client()
    registered = client.register(token_endpoint_auth_method="client_secret_post").json()
    changed = client.http.put(
        registered["registration_client_uri"],
        json={**{name: registered[name] for name in kept}, **wanted},
        headers={"Authorization": f"Bearer {registered['registration_access_token']}"},
    )
    assert changed.json()["grant_types"] == ["authorization_code"]
    published = f"{OTHER}/client.json"
    hosts.publish(published, {"client_id": published, "client_name": "A", "redirect_uris": [CALLBACK], **wanted})
    reader = gateway.client()
    reader.client_id = published
    gateway.tokens(reader)
    for client_id, secret in ((client.client_id, client.client_secret), (published, None)):
        word = assertion(gateway, client_id=client_id)
        refused = exchange(gateway, word, client_id=client_id, client_secret=secret)
        assert refused.json()["error"] == "unauthorized_client"


# D-6
def test_client_that_is_switched_off_loses_what_it_has_of_people(
    gateway: Gateway, clients: Callable[..., Any], eventually: Eventually
) -> None:
    token = exchange(gateway, assertion(gateway)).json()["access_token"]
    assert gateway.client().call_tool(token).status_code == 200
    clients("disable", "partner")
    eventually(lambda: gateway.client().call_tool(token).status_code == 401)
    assert exchange(gateway, assertion(gateway)).json()["error"] == "invalid_client"


# D-14
def test_person_who_is_gone_is_nobodys_to_act_for(gateway: Gateway, eventually: Eventually) -> None:
    token = exchange(gateway, assertion(gateway)).json()["access_token"]
    gateway.deactivate(USER)
    eventually(lambda: gateway.client().call_tool(token).status_code == 401)
    assert exchange(gateway, assertion(gateway)).json()["error"] == "invalid_grant"


def test_keys_of_a_provider_are_kept_and_new_ones_found(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    assert [exchange(gateway, assertion(gateway)).status_code for _ in range(3)] == [200] * 3
    assert len(hosts.asked) == 1
    new = ec_key(43)
    hosts.publish(f"{ISSUER}/jwks.json", {"keys": [public_jwk(new.public_key(), "k2")]})
    rotated: dict[str, Any] = {"key": new, "header": {"kid": "k2"}}
    # F-12: whoever invents key ids makes us ask every half minute at most.
    assert exchange(gateway, assertion(gateway, **rotated)).json()["error"] == "invalid_grant"
    clock.advance(seconds=31)
    assert exchange(gateway, assertion(gateway, **rotated)).status_code == 200
    assert len(hosts.asked) == 2
    assert exchange(gateway, assertion(gateway)).json()["error"] == "invalid_grant"


# D-16
def test_provider_that_does_not_answer_is_an_outage_unless_its_keys_are_known(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    hosts.documents.clear()
    down = exchange(gateway, assertion(gateway))
    assert (down.status_code, down.headers["retry-after"]) == (503, "5")
    hosts.publish(f"{ISSUER}/jwks.json", {"keys": [public_jwk(KEY.public_key(), "k1")]})
    clock.advance(seconds=31)
    assert exchange(gateway, assertion(gateway)).status_code == 200
    hosts.documents.clear()
    clock.advance(hours=2)
    assert exchange(gateway, assertion(gateway)).status_code == 200
    clock.advance(hours=23)
    assert exchange(gateway, assertion(gateway)).status_code == 503


def test_who_signs_in_through_the_provider_is_known_by_it(gateway: Gateway) -> None:
    """The stand-in's provider calls people by their Supabase id."""
    refused = exchange(gateway, assertion(gateway, sub=AGENT.id))
    assert refused.json()["error"] == "invalid_grant"
    browser = gateway.browser()
    page = browser.get(gateway.registered().authorization_url())
    assert browser.get(continue_as(AGENT.id, go_to_provider(browser, page))).status_code == 200
    token = exchange(gateway, assertion(gateway, sub=AGENT.id)).json()["access_token"]
    assert whoami(gateway, token)["subject"] == AGENT.id


# -- an account that is gone


def here(gateway: Gateway) -> None:
    """Its person deletes it."""
    person = gateway.close_later(AppPerson(gateway))
    assert person.call("DELETE", "/users/me").status_code == 200


def at_supabase(gateway: Gateway, *, softly: bool = False) -> None:
    """The project's owner deletes it, and nobody tells us."""
    url = f"{gateway.supabase.url}/auth/v1/admin/users/{USER.id}"
    headers = {"apikey": gateway.supabase.stand_in.secret_key}
    deleted = httpx.request("DELETE", url, headers=headers, json={"should_soft_delete": softly})
    assert deleted.status_code == 200
    gateway.clock.advance(seconds=61)
    assert exchange(gateway, assertion(gateway)).json()["error"] == "invalid_grant"


def told_by_the_project(gateway: Gateway) -> None:
    body, timestamp = (
        json.dumps({"type": "user.deleted", "user_id": USER.id}).encode(),
        int(gateway.clock().timestamp()),
    )
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": webhook.sign("msg_1", timestamp, body, WEBHOOK_KEY),
    }
    told = httpx.post(f"{gateway.url}/api/v1/webhooks/supabase", content=body, headers=headers)
    assert told.status_code == 204


def linked(gateway: Gateway, issuer: str, issuer_subject: str = "okta|1") -> Subject | None:
    return gateway.store(lambda store: store.people.linked_subject(issuer, issuer_subject))


@pytest.mark.parametrize("delete", [here, at_supabase, partial(at_supabase, softly=True), told_by_the_project])
def test_links_of_an_account_go_with_it_and_leave_room_for_a_new_one(
    gateway: Gateway, run: Run, delete: Callable[[Gateway], None]
) -> None:
    gateway.tokens(gateway.registered(), AGENT)
    gateway.store(lambda store: store.people.link(OTHER, "okta|1", Subject(USER.id), gateway.clock()))
    gateway.store(lambda store: store.people.link(OTHER, "okta|2", Subject(AGENT.id), gateway.clock()))
    delete(gateway)
    assert [linked(gateway, issuer) for issuer in (ISSUER, OTHER)] == [None, None]
    refused = exchange(gateway, assertion(gateway)).json()
    assert refused["error"] == "invalid_grant"
    assert "does not know who the person is" in refused["error_description"]
    assert linked(gateway, OTHER, "okta|2") == AGENT.id

    account = sign_up(gateway, "ada@new.example")
    gateway.close_later(AppPerson(gateway, account)).me()
    url = gateway.settings.database_url
    assert run("users", "link", account.id, ISSUER, "okta|1", database_url=url)[0] == 0
    token = exchange(gateway, assertion(gateway)).json()["access_token"]
    assert whoami(gateway, token)["subject"] == account.id


# A ban may be lifted, and whoever signs out comes back.
def test_links_outlive_a_ban_and_a_sign_out(gateway: Gateway) -> None:
    gateway.close_later(AppPerson(gateway)).sign_out("global")
    gateway.clock.advance(seconds=61)
    exchange(gateway, assertion(gateway))  # with which it is noticed
    assert exchange(gateway, assertion(gateway)).status_code == 200
    change(gateway, USER.id, ban_duration="24h")
    gateway.clock.advance(seconds=61)
    assert exchange(gateway, assertion(gateway)).json()["error"] == "invalid_grant"
    change(gateway, USER.id, ban_duration="none")
    gateway.clock.advance(seconds=61)
    gateway.tokens(gateway.registered())
    assert exchange(gateway, assertion(gateway)).status_code == 200


@pytest.mark.parametrize("delete", [here, at_supabase])
def test_nobody_is_linked_to_an_account_that_is_gone(
    gateway: Gateway, run: Run, delete: Callable[[Gateway], None]
) -> None:
    delete(gateway)
    status, out, err = run("users", "link", USER.id, ISSUER, "okta|1", database_url=gateway.settings.database_url)
    assert (status, out) == (2, "")
    assert err == f"mcp-auth: The account {USER.id} has been deleted.\n"


def test_operator_links_and_unlinks_people(gateway: Gateway, run: Run) -> None:
    url = gateway.settings.database_url
    status, out, _ = run("users", "link", USER.email, ISSUER, "okta|9", database_url=url)
    assert (status, out) == (0, f"{USER.id}\t{ISSUER}\tokta|9\n")
    assert exchange(gateway, assertion(gateway, sub="okta|9")).status_code == 200
    assert run("users", "unlink", ISSUER, "okta|9", database_url=url)[0] == 0
    assert exchange(gateway, assertion(gateway, sub="okta|9")).json()["error"] == "invalid_grant"
    status, _, err = run("users", "unlink", ISSUER, "okta|9", database_url=url)
    assert (status, err) == (2, f"mcp-auth: Nobody is linked to okta|9 of {ISSUER}.\n")
    assert run("users", "link", "nobody@example.com", ISSUER, "x", database_url=url)[0] == 2


def _put(gateway: Gateway, client: Client) -> None:
    gateway.store(lambda store: store.clients.put(client))
