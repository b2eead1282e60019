"""Client ID metadata documents whose publishers, or whose readers, do their worst."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from oauth import client_assertion
from oauth.vocabulary import ClientId
from tests.support.clock import SettableClock
from tests.support.document_server import HERE, DocumentServer, Published, document_server
from tests.support.forging import ec_key, es256, jws, public_jwk
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import CALLBACK, RawClient, answer_of

Eventually = Callable[[Callable[[], bool]], None]
URL = "https://app.test/oauth/client.json"
KEYS = "https://other.test/keys.json"
KEY, OTHER_KEY = ec_key(7), ec_key(8)
JSON = {"content-type": "application/json"}


def document(**changed: object) -> dict[str, object]:
    return {
        "client_id": URL,
        "client_name": "An assistant",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        **changed,
    }


def signing(**where: object) -> dict[str, object]:
    """Of a client that signs its requests."""
    return document(token_endpoint_auth_method="private_key_jwt", **where)


def key_set(key: object = KEY, **changed: object) -> dict[str, object]:
    jwk = {**public_jwk(key.public_key(), "key"), **changed}  # type: ignore[attr-defined]
    return {"keys": [{name: value for name, value in jwk.items() if value is not None}]}


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[DocumentServer]:
    with document_server(tmp_path) as running:
        running.publish(URL, document())
        yield running


@pytest.fixture
def gateway(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> Iterator[Gateway]:
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network()) as running:
        yield running


def published(gateway: Gateway, url: str = URL) -> RawClient:
    client = gateway.client()
    client.client_id = url
    return client


def authorize(gateway: Gateway, url: str = URL, **changed: str) -> httpx.Response:
    client = published(gateway, url)
    return client.http.get(client.authorization_url(**changed))


def proof(gateway: Gateway, key: object = KEY, **changed: object) -> dict[str, str | None]:
    now = int(gateway.clock().timestamp())
    claims = {
        "iss": URL,
        "sub": URL,
        "aud": gateway.url,
        "jti": f"{time.monotonic_ns()}",
        "iat": now,
        "exp": now + 60,
        **changed,
    }
    assertion = jws({"alg": "ES256", "kid": "key"}, claims, es256(key))  # type: ignore[arg-type]
    return {"client_id": None, "client_assertion_type": client_assertion.TYPE, "client_assertion": assertion}


# -- what is fetched


# STD-205: who asks meanwhile does not put it off.
def test_document_is_asked_for_half_a_minute_after_a_failure_however_often_somebody_asks(
    gateway: Gateway, hosts: DocumentServer
) -> None:
    hosts.publish(URL, b"", status=500)
    assert authorize(gateway).status_code == 400
    hosts.publish(URL, document())
    for _ in range(2):
        gateway.clock.advance(seconds=14)
        assert authorize(gateway).status_code == 400
    gateway.clock.advance(seconds=3)
    assert authorize(gateway).status_code == 303


# STD-210
def test_redirect_that_was_dropped_is_not_kept_alive_by_asking(gateway: Gateway, hosts: DocumentServer) -> None:
    assert authorize(gateway).status_code == 303
    gateway.clock.advance(hours=2)
    hosts.publish(URL, b"", status=500)
    assert authorize(gateway).status_code == 303  # the last good copy
    hosts.publish(URL, document(redirect_uris=["https://app.test/callback"]))
    statuses = []
    for _ in range(3):
        gateway.clock.advance(seconds=15)
        statuses.append(authorize(gateway).status_code)
    assert statuses == [303, 400, 400]


def test_keys_that_cannot_be_had_are_left_alone_for_half_a_minute_too(gateway: Gateway, hosts: DocumentServer) -> None:
    url, keys = "https://chatgpt.com/oauth/client.json", "https://chatgpt.com/oauth/jwks.json"
    callback = "https://chatgpt.com/connector_platform_oauth_redirect"
    hosts.publish(url, b"forbidden", status=403)  # so the copy that is shipped counts, and it needs the keys
    hosts.publish(keys, b"", status=500)
    for _ in range(5):
        assert authorize(gateway, url, redirect_uri=callback).status_code == 400
    assert hosts.asked == [url, keys]
    hosts.publish(keys, key_set())
    gateway.clock.advance(seconds=31)
    assert authorize(gateway, url, redirect_uri=callback).status_code == 303


# RFC 9111 §4.2: a cache on the way has had it for a while.
@pytest.mark.parametrize(("age", "fresh_minutes"), [("3000", 10), ("9999", 5), ("", 60), ("-5", 60), ("1e9", 60)])
def test_age_of_an_answer_counts(gateway: Gateway, hosts: DocumentServer, age: str, fresh_minutes: int) -> None:
    hosts.publish(URL, document(), cache_control="max-age=3600", age=age)
    authorize(gateway)
    gateway.clock.advance(minutes=fresh_minutes, seconds=-1)
    authorize(gateway)
    assert len(hosts.asked) == 1
    gateway.clock.advance(seconds=2)
    authorize(gateway)
    assert len(hosts.asked) == 2


# STD-25, RFC 9111 §5.3: not every host says it with max-age.
@pytest.mark.parametrize(
    ("expires", "more", "fresh_minutes"),
    [
        (30, {}, 30),
        (30, {"age": "1200"}, 10),
        (30, {"cache_control": "max-age=600"}, 10),
        (30, {"cache_control": "no-cache"}, 5),
        (-30, {}, 5),
        ("0", {}, 5),
        ("Thu, 99 Foo 99999 00:00:00 +9999999", {}, 5),
        (60 * 24 * 365, {}, 60 * 24),
    ],
)
def test_document_is_kept_until_it_expires(
    gateway: Gateway, hosts: DocumentServer, expires: int | str, more: dict[str, str], fresh_minutes: int
) -> None:
    if isinstance(expires, int):
        expires = format_datetime(datetime.now(UTC) + timedelta(minutes=expires), usegmt=True)
    hosts.publish(URL, document(), expires=expires, **more)  # type: ignore[arg-type]
    authorize(gateway)
    gateway.clock.advance(minutes=fresh_minutes, seconds=-5)
    authorize(gateway)
    assert len(hosts.asked) == 1
    gateway.clock.advance(seconds=10)
    authorize(gateway)
    assert len(hosts.asked) == 2


# STD-207
def test_document_of_five_kilobytes_is_read_and_no_byte_more(gateway: Gateway, hosts: DocumentServer) -> None:
    for size, status in ((5120, 303), (5121, 400)):
        url = f"https://app.test/{size}"
        bare = len(json.dumps(document(client_id=url, padding="")))
        hosts.publish(url, document(client_id=url, padding="x" * (size - bare)))
        assert len(hosts.documents[url].body) == size
        assert authorize(gateway, url).status_code == status


# STD-207: at full speed the size ends it, drop by drop the time.
@pytest.mark.parametrize("drip", [0, 0.2])
def test_document_without_an_end_ends_here(gateway: Gateway, hosts: DocumentServer, drip: float) -> None:
    hosts.documents[URL] = Published(b"{", 200, JSON, drip=drip)
    began = time.monotonic()
    assert authorize(gateway).status_code == 400
    assert time.monotonic() - began < 8


# RFC 8305: addresses that lead nowhere, those of one family above all, are not the only ones.
def test_address_that_cannot_be_reached_is_not_the_end(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    hosts.addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", HERE]
    internet = hosts.network(is_public=lambda _: True)
    with running_gateway(sqlite_url, supabase, clock, network=internet) as gateway:
        assert authorize(gateway).status_code == 303


def test_address_that_does_not_answer_is_not_the_end(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    hosts.addresses = ["127.0.0.2", HERE]
    internet = hosts.network(is_public=lambda _: True)
    with (
        silent(("127.0.0.2", hosts.port)),
        running_gateway(sqlite_url, supabase, clock, network=internet) as gateway,
    ):
        assert authorize(gateway).status_code == 303


@contextmanager
def silent(address: tuple[str, int]) -> Iterator[None]:
    """Somebody listens there, and takes no connection."""
    with socket.socket() as listening, ExitStack() as waiting:
        try:
            listening.bind(address)
        except OSError:
            pytest.skip(f"this machine has no {address[0]}")
        listening.listen(0)
        for _ in range(3):
            full = waiting.enter_context(socket.socket())
            full.settimeout(0)
            full.connect_ex(address)
        yield


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xef\xbb\xbf" + json.dumps(document()).encode(), "application/json"),
        (json.dumps(document()).encode("utf-16"), "application/json; charset=utf-16"),
        (json.dumps(document(client_name="caf\u00e9"), ensure_ascii=False).encode("latin-1"), "application/json"),
        (json.dumps(document())[:-1].encode() + b', "client_id": "https://app.test/other"}', "application/json"),
        (json.dumps(document()).encode(), "text/plain"),
        (json.dumps(document()).encode(), "application/jsonp"),
        (json.dumps(document(x=0))[:-2].encode() + b"[" * 9 + b"]" * 9 + b"}", "application/json"),
    ],
)
def test_what_readers_of_json_disagree_about_is_no_document(
    gateway: Gateway, hosts: DocumentServer, body: bytes, content_type: str
) -> None:
    hosts.publish(URL, body, content_type=content_type)
    assert authorize(gateway).status_code == 400


@pytest.mark.parametrize("grants", [[[]], [{}], [None, 1], [["authorization_code"]], []])
def test_grant_types_that_are_no_words_are_no_grants(
    gateway: Gateway, hosts: DocumentServer, grants: list[object]
) -> None:
    hosts.publish(URL, document(grant_types=grants))
    refused = authorize(gateway)
    assert (refused.status_code, refused.headers["content-type"]) == (400, "text/html; charset=utf-8")
    gateway.clock.advance(seconds=31)
    hosts.publish(URL, document(grant_types=[*grants, "authorization_code"]))
    assert authorize(gateway).status_code == 303


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
    hosts.publish(URL, document(**dict.fromkeys(members)))
    assert "refresh_token" in gateway.tokens(published(gateway))


# STD-205: a pause is no reason to go by what was published before.
@pytest.mark.parametrize("url", [URL, "https://claude.ai/oauth/mcp-oauth-client-metadata"])
def test_document_that_breaks_the_rules_is_refused_however_soon_somebody_asks_again(
    gateway: Gateway, hosts: DocumentServer, url: str
) -> None:
    callback = CALLBACK if url == URL else "https://claude.ai/api/mcp/auth_callback"
    hosts.publish(url, document(client_id=url, redirect_uris=[callback]))
    assert authorize(gateway, url, redirect_uri=callback).status_code == 303
    gateway.clock.advance(hours=2)
    hosts.publish(url, document(client_id=url, redirect_uris=[callback], client_secret="public"))
    pages = []
    for _ in range(3):
        pages.append(authorize(gateway, url, redirect_uri=callback))
        gateway.clock.advance(seconds=10)
    assert [page.status_code for page in pages] == [400] * 3
    assert all("must not contain a client secret" in page.text for page in pages)
    assert hosts.asked.count(url) == 2
    hosts.publish(url, document(client_id=url, redirect_uris=[callback]))
    gateway.clock.advance(seconds=10)
    assert authorize(gateway, url, redirect_uri=callback).status_code == 303


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
    stored = gateway.store(lambda store: store.client(ClientId(registered.client_id)))
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


# D-8
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
def test_no_other_endpoint_looks_a_client_up(gateway: Gateway, hosts: DocumentServer, path: str) -> None:
    form = {"client_id": URL, "grant_type": "refresh_token", "refresh_token": "rt_x", "token": "x"}
    assert httpx.post(f"{gateway.url}{path}", data=form).status_code == 401
    assert hosts.resolved == []
