"""Clients whose id is the URL of their own metadata (draft-ietf-oauth-client-id-metadata-document)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from oauth.foundation.vocabulary import ClientId
from oauth.protocol.clients import assertion as client_assertion
from oauth.stores.ports import Store
from tests.support.clock import SettableClock
from tests.support.document_server import DocumentServer, Published
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.published_clients import KEY, URL, document, published
from tests.support.raw_client import RawClient, answer_of

KEYS = "https://app.test/oauth/jwks.json"
JWKS = {"keys": [public_jwk(KEY.public_key(), "key-1")]}


@pytest.fixture
def hosts(hosts: DocumentServer) -> DocumentServer:
    """The internet, with nothing published yet but the one document."""
    hosts.publish(URL, document())
    return hosts


@pytest.fixture
def gateway(
    database_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> Iterator[Gateway]:
    with running_gateway(database_url, supabase, clock, network=hosts.network()) as running:
        yield running


@pytest.fixture
def sqlite_gateway(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> Iterator[Gateway]:
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network()) as running:
        yield running


def authorize(gateway: Gateway, client: RawClient, **changed: str | None) -> httpx.Response:
    return gateway.browser().http.get(client.authorization_url(**changed), follow_redirects=False)


def test_metadata_says_that_documents_are_taken(sqlite_gateway: Gateway) -> None:
    metadata = httpx.get(f"{sqlite_gateway.url}/.well-known/oauth-authorization-server").json()
    assert metadata["client_id_metadata_document_supported"] is True
    assert {"none", "private_key_jwt"} <= set(metadata["token_endpoint_auth_methods_supported"])
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "RS256"]


# SEED-42, STD-2, STD-26, STD-208
def test_client_signs_in_with_its_url_and_refreshes_without_the_network(
    gateway: Gateway, hosts: DocumentServer
) -> None:
    client, browser = published(gateway), gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    assert "An assistant" in page.text
    assert "<strong>app.test</strong>" in page.text
    tokens = client.redeem(answer_of(browser.decide(page))["code"]).json()
    assert client.call_tool(tokens["access_token"]).status_code == 200
    assert hosts.asked == [URL]
    hosts.documents.clear()
    gateway.clock.advance(days=20)
    tokens = client.refresh(tokens["refresh_token"]).json()
    assert client.call_tool(tokens["access_token"]).status_code == 200
    assert client.revoke(tokens["refresh_token"]).status_code == 200
    assert hosts.asked == [URL]


# STD-25, within our bounds
@pytest.mark.parametrize(
    ("cache_control", "fresh"),
    [
        (None, timedelta(hours=1)),
        ("max-age=600", timedelta(minutes=10)),
        ("public, max-age=1", timedelta(minutes=5)),
        ("no-store", timedelta(minutes=5)),
        ("max-age=99999999", timedelta(hours=24)),
    ],
)
def test_document_is_fetched_again_when_it_is_no_longer_fresh(
    sqlite_gateway: Gateway, hosts: DocumentServer, cache_control: str | None, fresh: timedelta
) -> None:
    headers = {} if cache_control is None else {"cache_control": cache_control}
    hosts.publish(URL, document(), **headers)  # type: ignore[arg-type]
    client = published(sqlite_gateway)
    for _ in range(3):
        assert authorize(sqlite_gateway, client).status_code == 303
    sqlite_gateway.clock.now += fresh - timedelta(seconds=1)
    authorize(sqlite_gateway, client)
    assert len(hosts.asked) == 1
    sqlite_gateway.clock.advance(seconds=2)
    authorize(sqlite_gateway, client)
    assert len(hosts.asked) == 2


# STD-210
def test_redirect_that_a_document_drops_is_dropped_here(sqlite_gateway: Gateway, hosts: DocumentServer) -> None:
    client = published(sqlite_gateway)
    assert authorize(sqlite_gateway, client).status_code == 303
    hosts.publish(URL, document(redirect_uris=["https://app.test/callback"]))
    sqlite_gateway.clock.advance(hours=1, seconds=1)
    refused = authorize(sqlite_gateway, client)
    assert refused.status_code == 400
    assert "redirect_uri is not one" in refused.text


# P-4: a copy that was good a moment ago is better than nobody getting in.
def test_last_good_copy_outlives_its_server_by_a_week(sqlite_gateway: Gateway, hosts: DocumentServer) -> None:
    client = published(sqlite_gateway)
    sqlite_gateway.tokens(client)
    hosts.publish(URL, b"forbidden", status=403)
    sqlite_gateway.clock.advance(days=6)
    assert authorize(sqlite_gateway, client).status_code == 303
    sqlite_gateway.clock.advance(days=2)
    assert authorize(sqlite_gateway, client).status_code == 400


# RFC 9110 §15.5.11: gone for good, on purpose; 404 may be a deployment that went wrong.
def test_client_that_its_publisher_withdraws_connects_nobody_any_more(gateway: Gateway, hosts: DocumentServer) -> None:
    client = published(gateway)
    tokens = gateway.tokens(client)
    hosts.publish(URL, b"", status=410)
    gateway.clock.advance(hours=2)
    for _ in range(2):
        assert authorize(gateway, client).status_code == 400
        gateway.clock.advance(seconds=10)
    assert client.refresh(tokens["refresh_token"]).status_code == 200  # D-8
    hosts.publish(URL, document())
    gateway.clock.advance(minutes=1)
    assert authorize(gateway, client).status_code == 303


# P-4
def test_client_whose_server_answers_403_is_known_from_the_copy_that_is_shipped(
    sqlite_gateway: Gateway, hosts: DocumentServer
) -> None:
    url = "https://claude.ai/oauth/mcp-oauth-client-metadata"
    hosts.publish(url, b"forbidden", status=403)
    client = published(sqlite_gateway, url)
    client.redirect_uri = "https://claude.ai/api/mcp/auth_callback"
    assert sqlite_gateway.tokens(client)["token_type"] == "Bearer"
    hosts.publish(url, {**document(), "client_id": url, "redirect_uris": ["https://claude.ai/new"]})
    sqlite_gateway.clock.advance(minutes=6)
    assert authorize(sqlite_gateway, client).status_code == 400  # what is published wins when it can be had


def test_known_client_is_shown_as_verified_and_no_other(sqlite_gateway: Gateway, hosts: DocumentServer) -> None:
    url = "https://claude.ai/oauth/mcp-oauth-client-metadata"
    hosts.publish(url, b"forbidden", status=403)
    known = published(sqlite_gateway, url)
    known.redirect_uri = "https://claude.ai/api/mcp/auth_callback"
    for client, verified in ((known, True), (published(sqlite_gateway), False), (sqlite_gateway.registered(), False)):
        browser = sqlite_gateway.browser()
        page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
        assert ("A known app, verified" in page.text) is verified


def test_document_with_the_callback_of_another_vendor_is_refused(
    sqlite_gateway: Gateway, hosts: DocumentServer
) -> None:
    hosts.publish(URL, document(redirect_uris=["https://claude.ai/api/mcp/auth_callback"]))
    client = published(sqlite_gateway)
    client.redirect_uri = "https://claude.ai/api/mcp/auth_callback"
    assert authorize(sqlite_gateway, client).status_code == 400


BAD: dict[str, tuple[Any, dict[str, Any]]] = {
    "nothing there": (b"", {"status": 404}),
    "a redirect": (b"", {"status": 302, "location": "https://other.test/client.json"}),
    "an error": (b"", {"status": 500}),
    "a page": (b"<html>", {"content_type": "text/html"}),
    "no JSON": (b"{", {}),
    "a list": (b"[]", {}),
    "compressed": (b"\x1f\x8b", {"content_encoding": "gzip"}),
    "too large": (document(padding="x" * 5120), {}),
}


# SEED-42, STD-201, STD-205, STD-207, STD-212: the same answer for every failure, and nothing of it is kept.
@pytest.mark.parametrize("name", BAD)
def test_document_that_cannot_be_had_is_the_same_page_whatever_the_reason(
    sqlite_gateway: Gateway, hosts: DocumentServer, name: str
) -> None:
    body, how = BAD[name]
    hosts.publish(URL, body, **how)
    refused = authorize(sqlite_gateway, published(sqlite_gateway))
    assert refused.status_code == 400
    assert "The app&#39;s description could not be fetched." in refused.text
    assert hosts.asked == [URL]
    hosts.publish(URL, document())
    sqlite_gateway.clock.advance(seconds=31)
    assert authorize(sqlite_gateway, published(sqlite_gateway)).status_code == 303


def test_host_that_fails_is_left_alone_for_half_a_minute(sqlite_gateway: Gateway, hosts: DocumentServer) -> None:
    hosts.publish(URL, b"", status=500)
    for _ in range(20):
        authorize(sqlite_gateway, published(sqlite_gateway))
    assert len(hosts.asked) == 1


# STD-24, STD-202, STD-203
@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": f"{URL}/"},
        {"client_id": URL.upper()},
        {"client_id": None},
        {"client_name": None},
        {"redirect_uris": None},
        {"redirect_uris": ["http://evil.test/cb"]},
        {"client_secret": "x"},
        {"grant_types": []},
        {"grant_types": [["authorization_code"], {}, None, 7]},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://app.test/k"},
    ],
)
def test_document_that_breaks_the_rules_is_refused(
    sqlite_gateway: Gateway, hosts: DocumentServer, changed: dict[str, object]
) -> None:
    hosts.publish(URL, document(**changed))
    assert authorize(sqlite_gateway, published(sqlite_gateway)).status_code == 400


# The document of a big client asks for grants of other protocols as well.
def test_grant_types_that_are_not_offered_are_left_out(sqlite_gateway: Gateway, hosts: DocumentServer) -> None:
    jwt_bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    hosts.publish(
        URL, document(grant_types=["authorization_code", "refresh_token", jwt_bearer], logo_uri="https://x/y")
    )
    assert "refresh_token" in sqlite_gateway.tokens(published(sqlite_gateway))


# STD-27
def test_host_that_is_not_on_the_list_is_not_even_looked_up(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    listed = {"client_document_hosts": ("other.test",)}
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network(), **listed) as gateway:  # type: ignore[arg-type]
        refused = authorize(gateway, published(gateway))
        assert refused.status_code == 400
        assert "Apps of this host cannot connect here." in refused.text
        assert hosts.resolved == []
        url = "https://other.test/client.json"
        hosts.publish(url, document(client_id=url))
        assert authorize(gateway, published(gateway, url)).status_code == 303


def test_documents_can_be_switched_off(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    off: dict[str, Any] = {"client_document_hosts": ()}
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network(), **off) as gateway:
        metadata = httpx.get(f"{gateway.url}/.well-known/oauth-authorization-server").json()
        assert "client_id_metadata_document_supported" not in metadata
        assert authorize(gateway, published(gateway)).status_code == 400
        assert hosts.resolved == []


# SEED-42, F-31, STD-206: the default rules, and a trap that would notice.
@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["0.0.0.0"], []],  # noqa: S104
)
def test_url_that_leads_inside_is_not_followed(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer, addresses: list[str]
) -> None:
    from oauth.remote.addresses import is_public  # noqa: PLC0415

    hosts.addresses = addresses
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network(is_public=is_public)) as gateway:
        refused = authorize(gateway, published(gateway))
    assert refused.status_code == 400
    assert hosts.asked == []
    assert hosts.resolved == ["app.test"]  # once: a second answer could be another


# The certificate is the name's, whatever the address.
def test_host_without_a_certificate_for_its_name_is_not_believed(
    sqlite_gateway: Gateway, hosts: DocumentServer
) -> None:
    url = "https://impostor.test/client.json"
    hosts.publish(url, document(client_id=url))
    assert authorize(sqlite_gateway, published(sqlite_gateway, url)).status_code == 400
    assert hosts.asked == []


# STD-213
def test_everybody_who_comes_while_a_document_is_fetched_waits_for_the_one_fetch(
    sqlite_gateway: Gateway, hosts: DocumentServer
) -> None:
    go_on = threading.Event()
    hosts.documents[URL] = Published(hosts.documents[URL].body, 200, hosts.documents[URL].headers, go_on)
    answers: list[int] = []
    client = published(sqlite_gateway)
    threads = [
        threading.Thread(target=lambda: answers.append(authorize(sqlite_gateway, client).status_code))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    while not hosts.asked:
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert answers == [303] * 20
    assert hosts.asked == [URL]


# D-19
def test_document_that_nobody_used_is_forgotten_after_a_day_and_a_used_one_is_kept(gateway: Gateway) -> None:
    gateway.tokens(published(gateway))

    async def clients(store: Store) -> list[bool]:
        await store.upkeep.sweep(gateway.clock(), 100)
        return [await store.clients.get(ClientId(URL)) is not None]

    gateway.clock.advance(days=2)
    assert gateway.store(clients) == [True]


def test_document_of_which_nothing_came_is_forgotten_after_a_day(gateway: Gateway) -> None:
    assert authorize(gateway, published(gateway)).status_code == 303

    async def is_known(store: Store) -> bool:
        await store.upkeep.sweep(gateway.clock(), 100)
        return await store.clients.get(ClientId(URL)) is not None

    assert gateway.store(is_known) is True
    gateway.clock.advance(days=2)
    assert gateway.store(is_known) is False


# STD-133
def test_stranger_cannot_make_us_fetch_without_end(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    few: dict[str, Any] = {"registrations_per_address": 5}
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network(), **few) as gateway:
        assert authorize(gateway, published(gateway)).status_code == 303
        statuses = [authorize(gateway, published(gateway, f"{URL}/{number}")).status_code for number in range(9)]
        assert statuses == [400] * 4 + [429] * 5
        assert len(hosts.asked) == 5
        assert authorize(gateway, published(gateway)).status_code == 303  # who is known already, stays


# -- private_key_jwt


class Signing:
    """A client that signs its requests."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.client = published(gateway)
        self.count = 0

    def claims(self, **changed: object) -> dict[str, object]:
        self.count += 1
        now = int(self.gateway.clock().timestamp())
        claims: dict[str, object] = {
            "iss": URL,
            "sub": URL,
            "aud": self.gateway.url,
            "jti": f"assertion-{self.count}",
            "iat": now,
            "exp": now + 60,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, **changed: object) -> str:
        return jws({"alg": "ES256", "kid": "key-1"}, self.claims(**changed), es256(KEY))

    def proof(self, assertion: str) -> dict[str, str | None]:
        return {"client_id": None, "client_assertion_type": client_assertion.TYPE, "client_assertion": assertion}

    def redeem(self, assertion: str | None = None) -> httpx.Response:
        return self.client.redeem(self.gateway.code(self.client), **self.proof(assertion or self.assertion()))


@pytest.fixture(params=["jwks", "jwks_uri"])
def signing(request: pytest.FixtureRequest, gateway: Gateway, hosts: DocumentServer) -> Signing:
    """Whose keys are in the document, or beside it."""
    where = {"jwks": JWKS} if request.param == "jwks" else {"jwks_uri": KEYS}
    hosts.publish(URL, document(token_endpoint_auth_method="private_key_jwt", **where))
    hosts.publish(KEYS, JWKS)
    return Signing(gateway)


# STD-89, STD-204
def test_client_that_signs_its_requests_needs_no_secret(signing: Signing, hosts: DocumentServer) -> None:
    redeemed = signing.redeem()
    assert redeemed.status_code == 200, redeemed.text
    asked = list(hosts.asked)
    hosts.documents.clear()
    token = redeemed.json()["refresh_token"]
    unsigned = signing.client.refresh(token)
    assert (unsigned.status_code, unsigned.json()["error"]) == (401, "invalid_client")
    refreshed = signing.client.refresh(token, **signing.proof(signing.assertion(aud=f"{signing.gateway.url}/token")))
    assert refreshed.status_code == 200
    proof = signing.proof(signing.assertion(aud=[signing.gateway.url]))
    assert signing.client.revoke(refreshed.json()["refresh_token"], **proof).status_code == 200
    assert hosts.asked == asked  # no token request looks anything up (D-8)


# STD-172
def test_assertion_counts_once_over_all_nodes(
    signing: Signing, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    gateway = signing.gateway
    assertion = signing.assertion()
    tokens = signing.redeem(assertion).json()
    with running_gateway(
        gateway.settings.database_url, supabase, clock, as_node_of=gateway, network=hosts.network()
    ) as elsewhere:
        for node in (gateway, elsewhere):
            replayed = node.client().token(
                grant_type="refresh_token", refresh_token=tokens["refresh_token"], **signing.proof(assertion)
            )
            assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_client")
    assert signing.client.refresh(tokens["refresh_token"], **signing.proof(signing.assertion())).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.test/client.json"},
        {"aud": "https://elsewhere.test"},
        {"aud": None},
        {"jti": None},
        {"jti": ""},
        {"exp": None},
        {"exp": 1},
        {"exp": 10**10},
    ],
)
def test_assertion_that_proves_nothing_is_refused_and_burns_no_code(
    sqlite_gateway: Gateway, hosts: DocumentServer, changed: dict[str, object]
) -> None:
    hosts.publish(URL, document(token_endpoint_auth_method="private_key_jwt", jwks=JWKS))
    signing = Signing(sqlite_gateway)
    code = sqlite_gateway.code(signing.client)
    refused = signing.client.redeem(code, **signing.proof(signing.assertion(**changed)))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert signing.client.redeem(code, **signing.proof(signing.assertion())).status_code == 200


@pytest.mark.parametrize("wrong", ["another key", "an unknown kid", "another type", "a secret as well"])
def test_assertion_of_another_make_is_refused(sqlite_gateway: Gateway, hosts: DocumentServer, wrong: str) -> None:
    hosts.publish(URL, document(token_endpoint_auth_method="private_key_jwt", jwks=JWKS))
    signing = Signing(sqlite_gateway)
    key = ec_key(8) if wrong == "another key" else KEY
    header = {
        "alg": "ES256",
        "kid": "key-2" if wrong == "an unknown kid" else "key-1",
        "typ": "at+jwt" if wrong == "another type" else "JWT",
    }
    proof = signing.proof(jws(header, signing.claims(), es256(key)))
    if wrong == "a secret as well":
        proof["client_secret"] = "x"
    refused = signing.client.redeem(sqlite_gateway.code(signing.client), **proof)
    assert refused.json()["error"] in {"invalid_client", "invalid_request"}
    assert refused.status_code in {400, 401}


def test_client_that_is_switched_off_while_its_document_is_fetched_stays_off(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    client = published(gateway)
    gateway.tokens(client)
    clock.advance(hours=2)
    arrived, released = threading.Event(), threading.Event()
    hosts.documents[URL] = replace(hosts.documents[URL], delay=released)
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(gateway.browser().get, client.authorization_url())
        while URL not in hosts.asked[1:]:
            arrived.wait(0.01)
        gateway.store(lambda store: _switch_off(store, clock))
        released.set()
        assert page.result().status_code == 403
    stored = gateway.store(lambda store: store.clients.get(ClientId(URL)))
    assert stored is not None
    assert stored.disabled_at is not None


# STD-133
def test_documents_that_nobody_uses_are_bounded_in_number(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network(), unused_registrations=100) as gateway:
        for _ in range(100):
            gateway.registered()
        client = published(gateway)
        page = gateway.browser().get(client.authorization_url())
        assert page.status_code == 400
        assert "Too many apps" in page.text
        # P-4: what is shipped with the program is not kept out by strangers.
        (known, callback) = "https://claude.ai/oauth/claude-code-client-metadata", "http://127.0.0.1:1234/callback"
        widespread = gateway.browser().get(client.authorization_url(client_id=known, redirect_uri=callback))
        assert widespread.status_code == 200
        clock.advance(minutes=16)
        assert gateway.browser().get(client.authorization_url()).status_code == 200


# STD-133
@pytest.mark.parametrize("part", ["image", "script", "iframe", "empty"])
def test_web_page_that_asks_for_it_as_a_part_of_its_own_begins_nothing(
    gateway: Gateway, hosts: DocumentServer, part: str
) -> None:
    client = published(gateway)
    refused = client.http.get(client.authorization_url(), headers={"Sec-Fetch-Dest": part})
    assert refused.status_code == 400
    assert "opened by itself" in refused.text
    assert hosts.asked == []
    assert client.http.get(client.authorization_url(), headers={"Sec-Fetch-Dest": "document"}).status_code == 303


def test_client_whose_description_is_asked_for_again_lasts_as_long_as_a_new_one(
    gateway: Gateway, clock: SettableClock
) -> None:
    client = published(gateway)
    for _ in range(2):
        assert gateway.browser().get(client.authorization_url()).status_code == 200
        clock.advance(hours=23)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert gateway.store(lambda store: store.clients.get(ClientId(URL))) is not None
    clock.advance(hours=2)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert gateway.store(lambda store: store.clients.get(ClientId(URL))) is None


async def _switch_off(store: Store, clock: SettableClock) -> None:
    client = await store.clients.get(ClientId(URL))
    assert client is not None
    await store.clients.put(replace(client, disabled_at=clock()))
