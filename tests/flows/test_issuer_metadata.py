"""Where the keys of a trusted issuer are, when the operator names the issuer alone (RFC 8414, OpenID Discovery)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from oauth.remote.fetching import Network
from servers.configuration.loading import UnusableSettings
from tests.support.clock import SettableClock
from tests.support.complete_settings import load_with
from tests.support.document_server import HERE, DocumentServer
from tests.support.forging import ec_key, public_jwk
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.identity_assertions import ISSUER as HOST
from tests.support.identity_assertions import KEY, assertion, exchange, introduce

ISSUER = f"{HOST}/tenant"
OAUTH, OPENID = f"{HOST}/.well-known/oauth-authorization-server/tenant", f"{ISSUER}/.well-known/openid-configuration"
KEYS = "https://other.test/keys"
NEW_KEY = ec_key(43)


@pytest.fixture
def hosts(hosts: DocumentServer) -> DocumentServer:
    """The issuer's keys, and no metadata yet."""
    hosts.publish(KEYS, {"keys": [public_jwk(KEY.public_key(), "k1")]})
    return hosts


@contextmanager
def trusting(
    url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    network: Network,
    issuer: str = ISSUER,
    **more: Any,  # noqa: ANN401
) -> Iterator[Gateway]:
    settings = [{"issuer": issuer, **more}]
    with running_gateway(url, supabase, clock, network=network, trusted_issuers=settings) as running:
        introduce(running, issuer)
        yield running


@pytest.fixture
def gateway(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> Iterator[Gateway]:
    with trusting(sqlite_url, supabase, clock, hosts.network()) as running:
        yield running


def metadata(**changed: object) -> dict[str, object]:
    described: dict[str, object] = {"issuer": ISSUER, "jwks_uri": KEYS, "token_endpoint": f"{ISSUER}/token", **changed}
    return {name: value for name, value in described.items() if value is not None}


def ask(gateway: Gateway, **changed: Any) -> httpx.Response:  # noqa: ANN401 - claims
    return exchange(gateway, assertion(gateway, **{"iss": ISSUER, **changed}))


# STD-218
@pytest.mark.parametrize("address", [OAUTH, OPENID])
def test_keys_are_found_where_the_metadata_of_the_issuer_says(
    gateway: Gateway, hosts: DocumentServer, address: str
) -> None:
    hosts.publish(address, metadata())
    assert ask(gateway).status_code == 200
    assert hosts.asked == ([OAUTH, KEYS] if address == OAUTH else [OAUTH, OPENID, KEYS])
    assert ask(gateway, key=NEW_KEY).json()["error"] == "invalid_grant"


# RFC 8414 §3.1, OpenID Discovery §4: a slash at the end is left out of the address, and is part of the name.
@pytest.mark.parametrize(
    ("issuer", "address"),
    [
        (HOST, f"{HOST}/.well-known/oauth-authorization-server"),
        (f"{HOST}/", f"{HOST}/.well-known/oauth-authorization-server"),
        (f"{HOST}/", f"{HOST}/.well-known/openid-configuration"),
        (f"{HOST}/a/b/", f"{HOST}/.well-known/oauth-authorization-server/a/b"),
        (f"{HOST}/a/b/", f"{HOST}/a/b/.well-known/openid-configuration"),
    ],
)
def test_metadata_is_looked_for_where_the_standards_put_it(
    sqlite_url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    hosts: DocumentServer,
    issuer: str,
    address: str,
) -> None:
    hosts.publish(address, metadata(issuer=issuer))
    with trusting(sqlite_url, supabase, clock, hosts.network(), issuer) as gateway:
        assert ask(gateway, iss=issuer).status_code == 200


WRONG: list[dict[str, object]] = [
    {"issuer": None},
    {"issuer": f"{ISSUER}/"},
    {"issuer": HOST},
    {"issuer": ISSUER.replace("app", "APP")},
    {"issuer": [ISSUER]},
    {"jwks_uri": None},
    {"jwks_uri": [KEYS]},
    {"jwks_uri": "/keys"},
    {"jwks_uri": KEYS.replace("https", "http")},
    {"jwks_uri": f"{KEYS}#1"},
    {"jwks_uri": "https://other.test:8443/keys"},
    {"jwks_uri": "https://user@other.test/keys"},
    {"jwks_uri": "https://127.0.0.1/keys"},
    {"jwks_uri": "https://other.test"},
]


@pytest.mark.parametrize("changed", WRONG)
def test_metadata_that_is_wrong_is_as_good_as_none_and_accuses_nobody(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock, changed: dict[str, object]
) -> None:
    hosts.publish(OAUTH, metadata(**changed))
    hosts.publish(OPENID, metadata(**changed))
    down = ask(gateway)
    assert (down.status_code, down.headers["retry-after"]) == (503, "5")
    assert hosts.asked == [OAUTH, OPENID]
    hosts.publish(OPENID, metadata())
    clock.advance(seconds=31)
    assert ask(gateway).status_code == 200


# The rules of everything that is fetched.
@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (302, "application/json", None),
        (404, "application/json", None),
        (200, "text/html", None),
        (200, "application/json", b"[]"),
        (200, "application/json", b'{"issuer": 1, "issuer": 2}'),
        (200, "application/json", b'{"a": "' + b"x" * 70_000 + b'"}'),
    ],
)
def test_answer_that_is_no_metadata_is_passed_over(
    gateway: Gateway, hosts: DocumentServer, status: int, content_type: str, body: bytes | None
) -> None:
    hosts.publish(OAUTH, body or metadata(), status=status, location=OPENID, content_type=content_type)
    hosts.publish(OPENID, metadata())
    assert ask(gateway).status_code == 200
    assert hosts.asked == [OAUTH, OPENID, KEYS]


# -- how often


def test_metadata_and_keys_are_kept_for_an_hour_unless_their_server_says_otherwise(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    hosts.publish(OAUTH, metadata())
    assert [ask(gateway).status_code for _ in range(3)] == [200] * 3
    clock.advance(minutes=59)
    assert ask(gateway).status_code == 200
    assert hosts.asked == [OAUTH, KEYS]
    hosts.publish(OAUTH, metadata(), cache_control="max-age=999999999")
    clock.advance(minutes=2)
    assert ask(gateway).status_code == 200
    assert hosts.asked == [OAUTH, KEYS] * 2
    # Whatever it says, a day is the most, and five minutes are the least.
    hosts.publish(OAUTH, metadata(), cache_control="no-store")
    clock.advance(hours=25)
    assert [ask(gateway).status_code for _ in range(2)] == [200] * 2
    assert hosts.asked[4:] == [OAUTH, KEYS]
    clock.advance(minutes=6)
    unknown = ask(gateway, header={"kid": "unknown"})
    assert unknown.json()["error"] == "invalid_grant"
    assert hosts.asked[6:] == [OAUTH, KEYS]


def test_keys_that_have_moved_are_found_again(gateway: Gateway, hosts: DocumentServer, clock: SettableClock) -> None:
    hosts.publish(OAUTH, metadata(), cache_control="max-age=86400")
    assert ask(gateway).status_code == 200
    moved = f"{HOST}/keys"
    hosts.publish(OAUTH, metadata(jwks_uri=moved), cache_control="max-age=86400")
    hosts.publish(moved, {"keys": [public_jwk(NEW_KEY.public_key(), "k2")]})
    del hosts.documents[KEYS]
    clock.advance(seconds=31)
    rotated: dict[str, Any] = {"key": NEW_KEY, "header": {"kid": "k2"}}
    assert ask(gateway, **rotated).status_code == 503
    clock.advance(seconds=31)
    assert ask(gateway, **rotated).status_code == 200


# F-12
def test_flood_of_invented_keys_makes_us_look_every_half_minute(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    hosts.publish(OPENID, metadata())
    assert ask(gateway).status_code == 200
    hosts.asked.clear()
    for _ in range(3):
        clock.advance(seconds=31)
        hosts.asked.clear()
        with ThreadPoolExecutor(10) as pool:
            flood = [pool.submit(ask, gateway, header={"kid": f"invented {number}"}) for number in range(40)]
        assert {each.result().json()["error"] for each in flood} == {"invalid_grant"}
        assert hosts.asked == [KEYS]
        assert ask(gateway).status_code == 200
    assert hosts.asked == [KEYS]


# F-12, D-16
def test_flood_while_the_issuer_is_down_makes_us_try_once_every_half_minute(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    for _ in range(2):
        hosts.asked.clear()
        with ThreadPoolExecutor(10) as pool:
            flood = [pool.submit(ask, gateway, header={"kid": f"invented {number}"}) for number in range(40)]
        assert {each.result().status_code for each in flood} == {503}
        assert hosts.asked == [OAUTH, OPENID]
        clock.advance(seconds=31)


# -- outages


# D-16
def test_keys_that_are_known_outlive_an_outage_for_a_day_and_no_unknown_key_is_accused_in_it(
    gateway: Gateway, hosts: DocumentServer, clock: SettableClock
) -> None:
    hosts.publish(OAUTH, metadata())
    assert ask(gateway).status_code == 200
    published = dict(hosts.documents)
    hosts.documents.clear()
    clock.advance(hours=2)
    assert ask(gateway).status_code == 200
    rotated: dict[str, Any] = {"key": NEW_KEY, "header": {"kid": "k2"}}
    for _ in range(2):
        assert ask(gateway, **rotated).status_code == 503
    clock.advance(hours=23)
    assert ask(gateway).status_code == 503
    hosts.documents.update(published)
    clock.advance(seconds=31)
    assert ask(gateway).status_code == 200
    assert ask(gateway, **rotated).json()["error"] == "invalid_grant"


# -- addresses


# F-31: of the metadata, of the keys it names, and of keys that the operator names.
@pytest.mark.parametrize("configured", [{}, {"jwks_uri": KEYS}])
def test_issuer_on_a_private_network_has_to_be_said_to_be_there(
    sqlite_url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    hosts: DocumentServer,
    configured: dict[str, Any],
) -> None:
    hosts.publish(OAUTH, metadata())
    inside = hosts.network(is_public=lambda _: False, is_private=lambda address: address == HERE)
    with trusting(sqlite_url, supabase, clock, inside, **configured) as gateway:
        assert ask(gateway).status_code == 503
        assert (hosts.asked, len(hosts.resolved)) == ([], 1)  # whose address is wrong at one path, is so at the other
    with trusting(sqlite_url, supabase, clock, inside, private_network=True, **configured) as gateway:
        assert ask(gateway).status_code == 200


def test_metadata_of_a_public_issuer_leads_to_no_private_address(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    hosts.publish(OAUTH, metadata())
    network = hosts.network(is_public=lambda _: hosts.resolved[-1] == "app.test", is_private=lambda _: True)
    with trusting(sqlite_url, supabase, clock, network) as gateway:
        assert ask(gateway).status_code == 503
        assert hosts.asked == [OAUTH]


# A private network is the organisation's own; this machine and the cloud's metadata are not on it.
def test_issuer_on_a_private_network_is_not_this_machine(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> None:
    hosts.publish(OAUTH, metadata())
    network = hosts.network(is_public=lambda _: False)
    with trusting(sqlite_url, supabase, clock, network, private_network=True) as gateway:
        assert ask(gateway).status_code == 503
        assert hosts.asked == []


# -- what the operator may write


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ([{"issuer": "http://idp.example"}], "trusted_issuers[0].issuer has an address that is not https."),
        ([{"issuer": "https://idp.example#a"}], "trusted_issuers[0].issuer has an address that is not https."),
        ([{"issuer": "https://idp.example:8443"}], "trusted_issuers[0] has no metadata that could be fetched"),
        ([{"issuer": "https://idp.example/?tenant=1"}], "trusted_issuers[0] has no metadata that could be fetched"),
        ([{"issuer": "https://10.0.0.1/"}], "trusted_issuers[0] has no metadata that could be fetched"),
        ([{"issuer": "https://user@idp.example"}], "trusted_issuers[0] has no metadata that could be fetched"),
        (
            [{"issuer": "https://idp.example", "jwks_uri": "https://idp.example:8443/keys"}],
            "trusted_issuers[0].jwks_uri cannot be fetched",
        ),
        ([{"issuer": "https://idp.example"}] * 2, "two trusted issuers have the same name"),
    ],
)
def test_issuer_that_cannot_be_is_named_at_the_start(written: list[dict[str, str]], sentence: str) -> None:
    with pytest.raises(UnusableSettings) as refused:
        load_with(trusted_issuers=written)
    assert sentence in str(refused.value)


def test_issuer_without_metadata_may_have_any_name_if_its_keys_are_named() -> None:
    named = {"issuer": "https://idp.example:8443/?tenant=1", "jwks_uri": "https://idp.example/keys"}
    (trusted,) = load_with(trusted_issuers=[named]).authorization_server().trusted_issuers
    assert (trusted.issuer, trusted.jwks_uri) == (named["issuer"], named["jwks_uri"])
