"""private_key_jwt (RFC 7523 §3): what a client's signed assertion has to be, and how often it counts."""

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from oauth.protocol.clients import assertion as client_assertion
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.databases import SqliteTemplate
from tests.support.forging import (
    Signer,
    base64url,
    constant,
    ec_key,
    es256,
    hs256,
    jws,
    ps256,
    public_jwk,
    public_rsa_jwk,
    rs256,
    rsa_key,
)
from tests.support.gateway import Gateway, RunningSupabase, running_gateway, running_supabase

KEY, RSA = ec_key(61), rsa_key(2048)
GOOD = public_jwk(KEY.public_key(), "ec")
JWKS = {"keys": [GOOD, public_rsa_jwk(RSA.public_key(), "rsa")]}
ME = "machine"
_JTI = itertools.count()


@pytest.fixture
def declared(tmp_path: Path) -> dict[str, Any]:
    return declare(tmp_path)


def declare(folder: Path) -> dict[str, Any]:
    """A machine that signs, as the operator's file has it."""
    (folder / "jwks.json").write_text(json.dumps(JWKS))
    return {
        "client_id": ME,
        "name": "Machine",
        "auth": "private_key_jwt",
        "grants": ["client_credentials"],
        "scope": "mcp:read",
        "jwks_file": str(folder / "jwks.json"),
    }


@pytest.fixture
def gateway(
    database_url: str, supabase: RunningSupabase, clock: SettableClock, declared: dict[str, Any]
) -> Iterator[Gateway]:
    with running_gateway(database_url, supabase, clock, clients=[declared]) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[Gateway]:
    """One on SQLite, for what does not depend on the database."""
    folder, clock = tmp_path_factory.mktemp("shared"), SettableClock()
    with (
        running_supabase(folder / "supabase", clock) as supabase,
        sqlite_template.database(folder) as url,
        running_gateway(url, supabase, clock, clients=[declare(folder)]) as running,
    ):
        yield running


def assertion(
    gateway: Gateway, *, header: dict[str, Any] | None = None, sign: Signer | None = None, **changed: object
) -> str:
    """A good one; a claim given as None is left out."""
    now = int(gateway.clock().timestamp())
    claims: dict[str, object] = {
        "iss": ME,
        "sub": ME,
        "aud": gateway.url,
        "jti": f"jti-{next(_JTI)}",
        "iat": now,
        "exp": now + 60,
        **changed,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jws({"alg": "ES256", "kid": "ec", **(header or {})}, given, sign or es256(KEY))


def ask(gateway: Gateway, assertion: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "resource": f"{gateway.url}/mcp",
        "client_assertion": assertion,
        "client_assertion_type": client_assertion.TYPE,
    }
    headers = {"Host": gateway.url.partition("://")[2]}
    return httpx.post(f"{gateway.listens_at}/token", data=form, headers=headers, timeout=20)


def is_good(gateway: Gateway, assertion: str) -> bool:
    answer = ask(gateway, assertion)
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    return False


# STD-172: the issuer, or the address that it is sent to; and no other beside it.
def test_audience_is_this_server_and_nobody_else(shared: Gateway) -> None:
    url = shared.url
    for good in (url, f"{url}/token", [url], [f"{url}/token"]):
        assert is_good(shared, assertion(shared, aud=good)), good
    elsewhere = "https://elsewhere.example"
    bad: tuple[Any, ...] = (
        [],
        [url, elsewhere],
        [url, url],
        [[url]],
        f"{url}/",
        f"{url}/mcp",
        elsewhere,
        url.upper(),
        "",
        {},
        None,
    )
    for wrong in bad:
        assert not is_good(shared, assertion(shared, aud=wrong)), wrong


# STD-172
@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"iss": None},
        {"sub": "another"},
        {"sub": "client_unknown"},
        {"iss": "another", "sub": "another"},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 257},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"iat": "now"},
        {"nbf": "now"},
    ],
)
def test_assertion_that_lacks_something_proves_nothing(shared: Gateway, changed: dict[str, Any]) -> None:
    assert not is_good(shared, assertion(shared, **changed))


# RFC 6749 Appendix A.1: a client id is printable ASCII, and PostgreSQL cannot even be asked for one with a NUL in it.
def test_assertion_of_what_cannot_be_a_client_is_malformed_and_not_an_error_of_ours(gateway: Gateway) -> None:
    paths, subjects = ("/token", "/revoke", "/introspect", "/par"), ("machine\0", "mächine", "\n", "")
    for path, subject in itertools.product(paths, subjects):
        made = assertion(gateway, iss=subject, sub=subject)
        form = {"client_assertion": made, "client_assertion_type": client_assertion.TYPE, "token": "a"}
        answer = httpx.post(f"{gateway.url}{path}", data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
        assert answer.json()["error_description"] == "client_assertion is malformed."


# STD-172: thirty seconds are what clocks may differ by.
@pytest.mark.parametrize(
    ("times", "good"),
    [
        ({"exp": 300}, True),
        ({"exp": 330}, True),
        ({"exp": 332}, False),
        ({"exp": 3600}, False),
        ({"exp": -29}, True),
        ({"exp": -32}, False),
        ({"exp": 60, "iat": 29}, True),
        ({"exp": 60, "iat": 32}, False),
        ({"exp": 60, "nbf": 29}, True),
        ({"exp": 60, "nbf": 32}, False),
        ({"exp": 60, "iat": None}, True),
        # One that was made to be kept is none, even in its last minute.
        ({"exp": 60, "iat": -240}, True),
        ({"exp": 60, "iat": -3600}, False),
    ],
)
def test_assertion_is_of_this_moment(shared: Gateway, times: dict[str, int | None], good: bool) -> None:
    now = int(shared.clock().timestamp())
    instants: dict[str, Any] = {name: None if ago is None else now + ago for name, ago in times.items()}
    assert is_good(shared, assertion(shared, **instants)) is good


PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
OTHER_KEY = ec_key(62)


# STD-156, STD-157, STD-164: a key is for the one algorithm that its owner published it for.
@pytest.mark.parametrize(
    ("header", "sign", "good"),
    [
        ({"kid": "rsa", "alg": "RS256"}, rs256(RSA), True),
        ({"kid": None}, es256(KEY), True),
        ({"kid": "rsa", "alg": "PS256"}, ps256(RSA), False),
        ({"kid": "rsa", "alg": "RS512"}, rs256(RSA), False),
        ({"kid": "rsa", "alg": "ES256"}, rs256(RSA), False),
        ({"alg": "RS256"}, es256(KEY), False),
        ({"alg": "ES384"}, es256(KEY), False),
        ({"alg": "HS256"}, hs256(PEM), False),
        ({"alg": "HS256"}, hs256(json.dumps(GOOD).encode()), False),
        ({"alg": "none"}, constant(b""), False),
        ({"alg": "None"}, constant(b""), False),
        ({}, constant(b""), False),
        ({}, constant(bytes(64)), False),
        ({"kid": "unknown"}, es256(KEY), False),
        ({"kid": "rsa"}, es256(KEY), False),
        ({"jwk": public_jwk(OTHER_KEY.public_key(), "ec")}, es256(OTHER_KEY), False),
        ({"jku": "https://evil.example/jwks.json"}, es256(OTHER_KEY), False),
        ({"crit": ["x"], "x": 1}, es256(KEY), False),
        ({"typ": "at+jwt"}, es256(KEY), False),
        ({"typ": "oauth-id-jag+jwt"}, es256(KEY), False),
    ],
)
def test_assertion_is_signed_with_a_key_of_the_client(
    shared: Gateway, header: dict[str, Any], sign: Signer, good: bool
) -> None:
    given = {name: value for name, value in {"alg": "ES256", "kid": "ec", **header}.items() if value is not None}
    claims = {"iss": ME, "sub": ME, "aud": shared.url, "jti": f"jti-{next(_JTI)}"}
    forged = jws(given, {**claims, "exp": shared.clock().timestamp() + 60}, sign)
    assert is_good(shared, forged) is good


# STD-172
def test_assertion_counts_once_over_nodes_and_restarts_for_as_long_as_it_would_be_good(
    gateway: Gateway, supabase: RunningSupabase, clock: SettableClock, declared: dict[str, Any]
) -> None:
    url, now = gateway.settings.database_url, int(clock().timestamp())
    token = assertion(gateway, exp=now + 330)
    assert is_good(gateway, token)
    with running_gateway(url, supabase, clock, as_node_of=gateway, clients=[declared]) as other:
        assert not is_good(other, token)
        assert is_good(other, assertion(gateway))
    clock.advance(seconds=359)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    with running_gateway(url, supabase, clock, as_node_of=gateway, clients=[declared]) as restarted:
        for node in (gateway, restarted):
            assert not is_good(node, token)
        # That much later it is good, if it is new.
        assert is_good(restarted, assertion(gateway, iat=None, exp=now + 330))


# STD-172
def test_of_many_uses_of_an_assertion_at_once_one_counts(gateway: Gateway) -> None:
    token = assertion(gateway)
    with ThreadPoolExecutor(20) as pool:
        counted = list(pool.map(lambda _: is_good(gateway, token), range(20)))
    assert counted.count(True) == 1


P384 = ec.derive_private_key(5, ec.SECP384R1()).public_key().public_numbers()
UNUSABLE: dict[str, object] = {
    "RSA of 512 bits": {**public_rsa_jwk(RSA.public_key(), "k"), "n": base64url(b"\xc1" + bytes(62) + b"\x01")},
    "RSA of 1024 bits": public_rsa_jwk(rsa_key(1024).public_key(), "k"),
    "point off the curve": {**GOOD, "y": GOOD["x"]},
    "another curve": {
        **GOOD,
        "crv": "P-384",
        "x": base64url(P384.x.to_bytes(48, "big")),
        "y": base64url(P384.y.to_bytes(48, "big")),
    },
    "no kind": {name: value for name, value in GOOD.items() if name not in {"alg", "kty"}},
    "the algorithm of another kind": {**GOOD, "alg": "RS256"},
    "an algorithm of no use here": public_rsa_jwk(RSA.public_key(), "k", alg="PS256"),
    "a shared secret": {"kty": "oct", "alg": "HS256", "kid": "k", "k": "c2VjcmV0"},
    "a private key": {**GOOD, "d": base64url((1).to_bytes(32, "big"))},
    "for encryption": {**GOOD, "use": "enc"},
}


# STD-159
@pytest.mark.parametrize("kind", UNUSABLE)
def test_key_that_is_weak_or_broken_is_refused_when_it_is_loaded(
    run: Run, sqlite_url: str, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [UNUSABLE[kind]]}))
    status, out, err = run(
        *("clients", "add", "M", "--auth", "private_key_jwt", "--grant", "client-credentials"),
        *("--jwks", str(tmp_path / "keys.json")),
        database_url=sqlite_url,
    )
    assert (status, out) == (2, "")
    assert "has no public key for ES256 or RS256" in err


# STD-159
def test_weak_key_beside_a_good_one_verifies_nothing(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, declared: dict[str, Any]
) -> None:
    weak = rsa_key(1024)
    keys = [public_rsa_jwk(weak.public_key(), "weak"), GOOD]
    Path(declared["jwks_file"]).write_text(json.dumps({"keys": keys}))
    with running_gateway(sqlite_url, supabase, clock, clients=[declared]) as gateway:
        assert not is_good(gateway, assertion(gateway, header={"kid": "weak", "alg": "RS256"}, sign=rs256(weak)))
        assert is_good(gateway, assertion(gateway))
