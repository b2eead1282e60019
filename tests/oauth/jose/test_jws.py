"""What a token is taken apart into, and everything that is not even looked at further (D-10)."""

import json
from base64 import urlsafe_b64decode
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from oauth.jose import jws
from oauth.jose.jws import UnverifiedToken, VerificationKey
from tests.support.forging import base64url, constant, ec_key, es256, rs256
from tests.support.forging import jws as forge

# RFC 7515 Appendix A.3
RFC_X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
RFC_Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
RFC_TOKEN = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "k"}
GOOD = forge(HEADER, {"a": 1}, es256(ec_key(1)))
ES256 = ECAlgorithm(ECAlgorithm.SHA256)


def number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "="), "big")


def read(token: str) -> UnverifiedToken:
    read = jws.read(token)
    assert isinstance(read, UnverifiedToken), read
    return read


def test_token_of_rfc_7515_appendix_a_3_is_read_and_verified() -> None:
    key = ec.EllipticCurvePublicNumbers(number(RFC_X), number(RFC_Y), ec.SECP256R1()).public_key()
    token = read(RFC_TOKEN)
    assert (token.algorithm, token.type, token.kid) == ("ES256", None, None)
    assert token.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    assert VerificationKey(None, "ES256", ES256, key).verifies(token)
    assert not VerificationKey(None, "ES256", ES256, ec_key(1).public_key()).verifies(token)


def test_good_token_is_taken_apart() -> None:
    token = read(GOOD)
    assert (token.algorithm, token.type, token.kid, token.claims) == ("ES256", "at+jwt", "k", {"a": 1})
    assert token.signed.decode() + "." + base64url(token.signature) == GOOD


# STD-157 for the five parts of a JWE.
@pytest.mark.parametrize(
    "token", ["", ".", "a", "a.b", "a.b.c.d", "a.b.c.d.e", GOOD + ".", "." + GOOD, GOOD + "é", "é..", "\ud800.."]
)
def test_what_has_not_three_ascii_parts_is_not_compact(token: str) -> None:
    assert jws.read(token) == "not_compact"


# D-10, RFC 7515 §2: one spelling. Decoders skip what they do not know, and then a token has many names.
@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("spoil", ["{} ", " {}", "{}\n", "{}=", "{}==", "={}", "{}!", "\t{}", "{}AAAA+", "{}AAA/"])
def test_part_in_any_other_spelling_is_refused(part: int, spoil: str) -> None:
    parts = GOOD.split(".")
    parts[part] = spoil.format(parts[part])
    assert jws.read(".".join(parts)) in {"not_base64url", "not_json"}


@pytest.mark.parametrize("around", [" {}", "{} ", "{}\n", "\n{}", "{}\r\n", "{}\0", '"{}"', "Bearer {}"])
def test_whitespace_around_a_token_is_refused(around: str) -> None:
    assert jws.read(around.format(GOOD)) == "not_base64url"


def test_unused_bits_of_the_last_character_have_to_be_zero() -> None:
    signed, _, signature = GOOD.rpartition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = [last for last in alphabet if urlsafe_b64decode(signature[:-1] + last + "==") == read(GOOD).signature]
    assert len(same_bytes) == 16
    accepted = [last for last in same_bytes if not isinstance(jws.read(f"{signed}.{signature[:-1]}{last}"), str)]
    assert accepted == [signature[-1]]


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (b"", b"{}"),
        (b"x", b"{}"),
        (b"[]", b"{}"),
        (b'"x"', b"{}"),
        (b'{"alg":"ES256"}', b""),
        (b'{"alg":"ES256"}', b"[]"),
        (b'{"alg":"ES256"}', b"null"),
        # STD-167
        (b'{"alg":"none","alg":"ES256"}', b"{}"),
        (b'{"alg":"ES256"}', b'{"sub":"a","sub":"b"}'),
        (b'{"alg":"ES256"}', b'{"x":{"sub":"a","sub":"b"}}'),
        # F-29
        (b'{"alg":"ES256"}', b'{"exp":Infinity}'),
        (b'{"alg":"ES256"}', b'{"exp":NaN}'),
        (b'{"alg":"ES256","x":' + b"[" * 300 + b"}", b"{}"),
        (b'{"alg":"ES256"}', b'{"x":' + b"[" * 8 + b"]" * 8 + b"}"),
        (b'{"alg":"ES256"}', b"[" * 5000),
        # STD-161
        (b'{"alg":"ES256"}', b'{"sub":"\xff"}'),
        (b'{"alg":"ES256"}', rb'{"sub":"\ud800"}'),
    ],
)
def test_part_that_is_not_one_strict_json_object_is_refused(header: bytes, claims: bytes) -> None:
    assert jws.read(forge(header, claims, constant(b"x" * 64))) == "not_json"


# STD-164, STD-166: a token does not say where its key comes from, and nothing critical is understood here.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jku", "https://evil.example/jwks.json"),
        ("x5u", "https://evil.example/cert.pem"),
        ("jwk", {"kty": "EC", "crv": "P-256"}),
        ("x5c", ["MII"]),
        ("crit", ["exp"]),
        ("crit", []),
        ("b64", False),
        ("zip", "DEF"),
        ("jku", None),
    ],
)
def test_header_that_brings_its_own_key_or_rules_is_refused(name: str, value: object) -> None:
    assert jws.read(forge({**HEADER, name: value}, {}, es256(ec_key(1)))) == "forbidden_header"


@pytest.mark.parametrize(
    "change",
    [
        {"alg": None},
        {"alg": 1},
        {"alg": ["ES256"]},
        {"typ": 1},
        {"typ": ["at+jwt"]},
        {"kid": 1},
        {"kid": {}},
        {"kid": True},
    ],
)
def test_header_member_of_the_wrong_type_is_refused(change: dict[str, object]) -> None:
    assert jws.read(forge({**HEADER, **change}, {}, es256(ec_key(1)))) == "malformed_header"


def test_header_without_algorithm_is_refused() -> None:
    assert jws.read(forge({"typ": "at+jwt"}, {}, es256(ec_key(1)))) == "malformed_header"


# D-10, STD-168
def test_token_of_8_kib_is_read_and_a_longer_one_is_not() -> None:
    tokens = [
        forge(HEADER, {"x": "a" * length}, constant(b"s" * signature))
        for length, signature in product(range(6000, 6060), (64, 65, 66))
    ]
    read_ones = [token for token in tokens if not isinstance(jws.read(token), str)]
    assert max(map(len, read_ones)) == 8192
    assert min(len(token) for token in tokens if token not in read_ones) == 8193
    assert {jws.read(token) for token in tokens if len(token) > 8192} == {"oversized"}


# STD-168, F-29
def test_header_of_1_kib_is_read_and_a_longer_one_is_not() -> None:
    tokens = [forge({**HEADER, "x": "a" * length}, {}, constant(b"s")) for length in range(700, 760)]
    read_ones = [token for token in tokens if not isinstance(jws.read(token), str)]
    assert max(len(token.split(".")[0]) for token in read_ones) == 1024
    assert {jws.read(token) for token in tokens if len(token.split(".")[0]) > 1024} == {"oversized_header"}


def test_thirteen_kilobytes_of_brackets_in_a_header_are_refused() -> None:
    assert jws.read(forge(b'{"alg":' + b"[" * 13_000, {}, constant(b"s"))) == "oversized"


@given(st.text(max_size=60) | st.text("abcXYZ019-_=.+/ {}", max_size=60) | st.binary(max_size=60).map(base64url))
def test_no_text_makes_it_raise(token: str) -> None:
    assert isinstance(jws.read(token), str)


JSON_ISH = st.sampled_from([b'{"alg":"ES256"}', b"{}", b"[]", b'{"alg":1}', b"\xff", b'{"a":1,"a":1}']) | st.binary(
    max_size=20
)


@given(JSON_ISH, JSON_ISH, st.binary(max_size=70))
def test_no_parts_make_it_raise(header: bytes, claims: bytes, signature: bytes) -> None:
    token = jws.read(forge(header, claims, constant(signature)))
    if not isinstance(token, str):
        assert token.claims == json.loads(claims)
        assert token.signature == signature


def parts_as_lenient_decoders_see_them(token: str) -> list[bytes]:
    return [urlsafe_b64decode("".join(part.split()).rstrip("=") + "===") for part in token.split(".")]


# No two accepted tokens are the same to anybody: a cache, a revocation or a log by the text of a token can rely on it.
@given(
    st.integers(0, len(GOOD) - 1),
    st.sampled_from(["", "=", " ", "\n", "A", "w", "-", "_", "+", "/", "%", "."]),
    st.integers(0, 2),
)
def test_token_that_is_spelt_differently_is_refused_or_another_token(at: int, put: str, dropped: int) -> None:
    other = GOOD[:at] + put + GOOD[at + dropped :]
    if other != GOOD and not isinstance(jws.read(other), str):
        assert parts_as_lenient_decoders_see_them(other) != parts_as_lenient_decoders_see_them(GOOD)


# STD-156: one key, one algorithm.
def test_key_verifies_only_the_algorithm_that_it_is_for() -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    rsa_verifier = VerificationKey("k", "RS256", RSAAlgorithm(RSAAlgorithm.SHA256), rsa_key.public_key())
    ec_verifier = VerificationKey("k", "ES256", ES256, ec_key(1).public_key())
    by_rsa = read(forge({"alg": "RS256"}, {}, rs256(rsa_key)))
    by_ec = read(forge({"alg": "ES256"}, {}, es256(ec_key(1))))
    assert rsa_verifier.verifies(by_rsa)
    assert ec_verifier.verifies(by_ec)
    assert not ec_verifier.verifies(by_rsa)
    assert not rsa_verifier.verifies(by_ec)
    for lie in ("ES256", "PS256", "RS512", "rs256", "none", ""):
        assert not rsa_verifier.verifies(read(forge({"alg": lie}, {}, rs256(rsa_key))))


# STD-158: of any length and any content, a signature that is none is False, never an exception.
@given(st.binary(max_size=130) | st.just(bytes(64)) | st.binary(min_size=64, max_size=64))
def test_any_other_signature_does_not_verify(signature: bytes) -> None:
    token = read(forge({"alg": "ES256"}, {}, constant(signature)))
    assert not VerificationKey("k", "ES256", ES256, ec_key(1).public_key()).verifies(token)


NOW = 1_000_000.0


# F-30, D-10: 30 s of leeway, on both sides and no more.
@pytest.mark.parametrize(
    ("claims", "wrong"),
    [
        ({"exp": NOW + 1}, None),
        ({"exp": NOW}, None),
        ({"exp": NOW - 30}, None),
        ({"exp": NOW - 30.5}, "expired"),
        ({"exp": NOW - 31}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": -1}, "expired"),
        ({"exp": int(NOW) + 1, "nbf": int(NOW), "iat": int(NOW)}, None),
        ({"exp": NOW + 100, "nbf": NOW + 30}, None),
        ({"exp": NOW + 100, "nbf": NOW + 31}, "nbf_in_the_future"),
        ({"exp": NOW + 100, "iat": NOW + 30}, None),
        ({"exp": NOW + 100, "iat": NOW + 31}, "iat_in_the_future"),
        ({"exp": NOW + 100, "nbf": 0, "iat": 0}, None),
        ({}, "exp_missing"),
        ({"exp": None}, "exp_missing"),
        ({"exp": True}, "exp_missing"),
        ({"exp": str(int(NOW) + 1)}, "exp_missing"),
        ({"exp": [NOW + 1]}, "exp_missing"),
        ({"exp": {}}, "exp_missing"),
        ({"exp": NOW + 1, "nbf": "0"}, "nbf_malformed"),
        ({"exp": NOW + 1, "nbf": False}, "nbf_malformed"),
        ({"exp": NOW + 1, "nbf": []}, "nbf_malformed"),
        ({"exp": NOW + 1, "iat": "0"}, "iat_malformed"),
        ({"exp": NOW + 1, "iat": True}, "iat_malformed"),
    ],
)
def test_times_are_numbers_and_now_lies_between_them(claims: dict[str, object], wrong: str | None) -> None:
    assert jws.check_times(claims, NOW, 30.0) == wrong
