"""How client ID metadata documents are fetched from servers that do their worst, and when that is left alone."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.document_server import HERE, DocumentServer, Published
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.published_clients import URL, authorize, document, key_set
from tests.support.raw_client import CALLBACK

JSON = {"content-type": "application/json"}


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


# D-8
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
def test_no_other_endpoint_looks_a_client_up(gateway: Gateway, hosts: DocumentServer, path: str) -> None:
    form = {"client_id": URL, "grant_type": "refresh_token", "refresh_token": "rt_x", "token": "x"}
    assert httpx.post(f"{gateway.url}{path}", data=form).status_code == 401
    assert hosts.resolved == []
