"""Clients that publish their own metadata: what they change in it, how they sign, and that they may begin with /par."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from oauth.foundation.vocabulary import ClientId
from tests.support.clock import SettableClock
from tests.support.document_server import DocumentServer
from tests.support.forging import ec_key
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.published_clients import URL, authorize, document, key_set, proof, published, signing
from tests.support.raw_client import RawClient, answer_of

KEYS = "https://other.test/keys.json"
OTHER_KEY = ec_key(8)

Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def hosts(hosts: DocumentServer) -> DocumentServer:
    hosts.publish(URL, document())
    return hosts


@pytest.fixture
def gateway(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> Iterator[Gateway]:
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network()) as running:
        yield running


# -- what changes


# STD-204, STD-210
def test_client_that_comes_to_sign_its_requests_is_not_taken_without_any_more(
    gateway: Gateway, hosts: DocumentServer
) -> None:
    client = published(gateway)
    tokens = gateway.tokens(client)
    hosts.publish(URL, signing(jwks=key_set()))
    gateway.clock.advance(hours=1, seconds=1)
    assert authorize(gateway).status_code == 303
    unsigned = client.refresh(tokens["refresh_token"])
    assert (unsigned.status_code, unsigned.json()["error"]) == (401, "invalid_client")
    assert client.refresh(tokens["refresh_token"], **proof(gateway)).status_code == 200


def test_member_of_a_document_that_is_null_says_as_little_as_none(gateway: Gateway, hosts: DocumentServer) -> None:
    members = ("token_endpoint_auth_method", "grant_types", "response_types", "jwks", "jwks_uri", "scope")
    hosts.publish(URL, {**document(), **dict.fromkeys(members)})
    assert "refresh_token" in gateway.tokens(published(gateway))


# STD-210: what the document says now counts, with the keys that were there the last time.
def test_redirect_that_was_dropped_is_dropped_while_the_keys_cannot_be_had(
    gateway: Gateway, hosts: DocumentServer
) -> None:
    hosts.publish(URL, signing(jwks_uri=KEYS))
    hosts.publish(KEYS, key_set())
    client = published(gateway)
    tokens = client.redeem(gateway.code(client), **proof(gateway)).json()
    gateway.clock.advance(hours=2)
    hosts.publish(URL, signing(jwks_uri=KEYS, redirect_uris=["https://app.test/callback"]))
    hosts.publish(KEYS, b"", status=500)
    for _ in range(2):
        assert authorize(gateway).status_code == 400
        assert authorize(gateway, redirect_uri="https://app.test/callback").status_code == 303
    assert client.refresh(tokens["refresh_token"], **proof(gateway)).status_code == 200


# STD-210: a document that says where its new keys are no longer means the old ones.
def test_client_whose_new_keys_cannot_be_had_connects_nobody_with_the_old_ones(
    gateway: Gateway, hosts: DocumentServer
) -> None:
    hosts.publish(URL, signing(jwks=key_set()))
    assert authorize(gateway).status_code == 303
    gateway.clock.advance(hours=2)
    hosts.publish(URL, signing(jwks_uri=KEYS, redirect_uris=["https://app.test/callback"]))
    hosts.publish(KEYS, b"", status=500)
    for _ in range(2):
        assert authorize(gateway).status_code == 400
    hosts.publish(KEYS, key_set())
    gateway.clock.advance(seconds=31)
    assert authorize(gateway, redirect_uri="https://app.test/callback").status_code == 303


# D-16: whether the key is the client's, nobody can tell; on a 401 it would throw its registration away.
def test_client_is_told_to_come_back_until_its_keys_have_been_looked_at(
    gateway: Gateway, hosts: DocumentServer, eventually: Eventually
) -> None:
    hosts.publish(URL, signing(jwks_uri=KEYS))
    hosts.publish(KEYS, key_set())
    client = published(gateway)
    tokens = client.redeem(gateway.code(client), **proof(gateway)).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    arriving = threading.Event()
    hosts.publish(KEYS, b"", status=500)
    hosts.documents[KEYS] = replace(hosts.documents[KEYS], delay=arriving)
    answers = [client.token(**refresh, **proof(gateway, OTHER_KEY))]
    eventually(lambda: hosts.asked.count(KEYS) == 2)
    answers.append(client.token(**refresh, **proof(gateway, OTHER_KEY)))  # while they are on their way
    arriving.set()
    for _ in range(3):
        gateway.clock.advance(seconds=30)
        answers.append(client.token(**refresh, **proof(gateway, OTHER_KEY)))  # now that they did not arrive
    assert [answer.status_code for answer in answers] == [503] * 5
    assert hosts.asked.count(KEYS) == 2
    hosts.publish(KEYS, key_set())
    gateway.clock.advance(minutes=5)
    assert client.token(**refresh, **proof(gateway, OTHER_KEY)).status_code == 503
    eventually(lambda: client.token(**refresh, **proof(gateway, OTHER_KEY)).status_code == 401)


# Clients of one vendor publish one key set: what came for one of them is known for all, and nobody is asked again.
def test_new_key_of_two_clients_is_fetched_once_and_known_of_both(
    gateway: Gateway, hosts: DocumentServer, eventually: Eventually
) -> None:
    second = "https://app.test/oauth/second/client.json"
    for url in (URL, second):
        hosts.publish(url, {**signing(jwks_uri=KEYS), "client_id": url})
    hosts.publish(KEYS, key_set())
    refreshes = []
    for url in (URL, second):
        client = published(gateway, url)
        tokens = client.redeem(gateway.code(client), **proof(gateway, iss=url, sub=url)).json()
        refreshes.append((client, url, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}))
    hosts.publish(KEYS, key_set(OTHER_KEY))
    asked = hosts.asked.count(KEYS)

    def status(client: RawClient, url: str, refresh: dict[str, str]) -> int:
        return client.token(**refresh, **proof(gateway, OTHER_KEY, iss=url, sub=url)).status_code

    first, other = refreshes
    assert status(*first) == 503
    eventually(lambda: status(*first) == 200)
    assert [status(*other), status(*other)] == [503, 200]
    assert hosts.asked.count(KEYS) == asked + 1


# STD-210: keys from where it published them before are not its keys.
def test_keys_that_arrive_from_an_address_that_was_given_up_do_not_count(
    gateway: Gateway, hosts: DocumentServer, eventually: Eventually
) -> None:
    hosts.publish(URL, signing(jwks_uri=KEYS))
    hosts.publish(KEYS, key_set())
    client = published(gateway)
    tokens = client.redeem(gateway.code(client), **proof(gateway)).json()
    arriving = threading.Event()
    hosts.publish(KEYS, key_set(OTHER_KEY))
    hosts.documents[KEYS] = replace(hosts.documents[KEYS], delay=arriving)
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert client.token(**refresh, **proof(gateway, OTHER_KEY)).status_code == 503
    eventually(lambda: hosts.asked.count(KEYS) == 2)
    hosts.publish(URL, signing(jwks=key_set()))
    gateway.clock.advance(hours=1, seconds=1)
    assert authorize(gateway).status_code == 303
    arriving.set()
    time.sleep(0.3)
    assert client.token(**refresh, **proof(gateway, OTHER_KEY)).status_code == 401
    assert client.token(**refresh, **proof(gateway)).status_code == 200


# -- how it signs


# RFC 7517 §4.4: alg is optional, and says nothing that the kind of key does not.
def test_key_need_not_name_its_algorithm(gateway: Gateway, hosts: DocumentServer) -> None:
    hosts.publish(URL, signing(jwks=key_set(alg=None, use=None)))
    client = published(gateway)
    assert client.redeem(gateway.code(client), **proof(gateway)).status_code == 200


@pytest.mark.parametrize("audience", [[{}], [[]], {}, [1], 1, True, "", [], ["x", "x"]])
def test_audience_that_is_no_word_is_not_ours(gateway: Gateway, hosts: DocumentServer, audience: object) -> None:
    hosts.publish(URL, signing(jwks=key_set()))
    assert authorize(gateway).status_code == 303
    for sent in (audience, [gateway.url, gateway.url]):
        asked = proof(gateway, aud=sent)
        refused = published(gateway).token(grant_type="refresh_token", refresh_token="rt_x", **asked)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


# STD-211: a client that publishes itself is none of ours, and none of ours is one of those.
def test_document_cannot_take_the_place_of_a_client_that_registered(gateway: Gateway, hosts: DocumentServer) -> None:
    registered = gateway.registered()
    hosts.publish(URL, document(client_id=registered.client_id))
    assert authorize(gateway).status_code == 400
    stored = gateway.store(lambda store: store.clients.get(ClientId(registered.client_id)))
    assert stored is not None
    assert stored.name != "An assistant"


# -- where it begins with /par (RFC 9126)


# STD-2, STD-180: /par may be the first that we hear of a client.
def test_client_whose_document_nobody_knows_yet_begins_at_par(gateway: Gateway, hosts: DocumentServer) -> None:
    hosts.publish(URL, document(require_pushed_authorization_requests=True))
    client = published(gateway)
    redirect = gateway.browser().connect(client.pushed_url(client.push()), USER.email, USER.password)
    assert client.redeem(answer_of(redirect)["code"]).status_code == 200


def test_client_that_signs_its_requests_begins_at_par(gateway: Gateway, hosts: DocumentServer) -> None:
    hosts.publish(URL, signing(jwks_uri=KEYS))
    hosts.publish(KEYS, key_set())
    client = published(gateway)
    unsigned = client.push()
    assert (unsigned.status_code, unsigned.json()["error"]) == (401, "invalid_client")
    pushed = client.push(**proof(gateway, aud=f"{gateway.url}/par"))
    redirect = gateway.browser().connect(client.pushed_url(pushed), USER.email, USER.password)
    assert client.redeem(answer_of(redirect)["code"], **proof(gateway)).status_code == 200


def test_redirect_that_is_new_in_a_document_can_be_pushed_when_the_old_copy_is_over(
    gateway: Gateway, hosts: DocumentServer
) -> None:
    client = published(gateway)
    assert client.push().status_code == 201
    hosts.publish(URL, document(redirect_uris=["https://app.test/new"]))
    gateway.clock.advance(hours=1, seconds=1)
    client.redirect_uri = "https://app.test/new"
    assert client.push().status_code == 201


def test_document_that_cannot_be_had_is_an_unknown_client_at_par(gateway: Gateway, hosts: DocumentServer) -> None:
    hosts.publish(URL, b"", status=500)
    for _ in range(2):
        refused = published(gateway).push()
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert hosts.asked == [URL]


# STD-133
def test_stranger_cannot_make_us_fetch_without_end_at_par(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network(), registrations_per_address=3) as gateway:
        answers = [published(gateway, f"{URL}/{number}").push() for number in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 2
    assert answers[-1].json()["error"] == "temporarily_unavailable"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 600
    assert len(hosts.asked) == 3
