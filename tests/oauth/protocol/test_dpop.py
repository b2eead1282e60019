"""What a proof of possession has to say (RFC 9449 §4.3)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from oauth.protocol import dpop
from oauth.protocol.dpop import Nonces, Proof
from tests.support.builders import NOW, refused
from tests.support.dpop import KEY, OTHER_KEY, jkt_of, own_jwk, proof
from tests.support.forging import base64url, constant, hs256, jws, rs256

URL = "https://auth.test/token"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def check(*sent: str, method: str = "POST", url: str = URL, access_token: str | None = None) -> object:
    return dpop.check(sent, method, url, NOW, access_token)


def made(**changed: Any) -> str:  # noqa: ANN401
    return proof("POST", URL, NOW, **changed)


def reason(outcome: object) -> str:
    code, why = refused(outcome)
    assert code == "invalid_dpop_proof"
    return why


# STD-181
def test_good_proof_yields_the_thumbprint_of_its_key() -> None:
    outcome = check(made())
    assert isinstance(outcome, Proof)
    assert outcome.jkt == jkt_of(KEY)


# RFC 7638 §3.1
def test_thumbprint_is_that_of_the_example() -> None:
    jwk = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4"
            "n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0"
            "zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-c"
            "sFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert dpop.thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rsa_key_of_a_size_that_is_safe_will_do() -> None:
    numbers = RSA_KEY.public_key().public_numbers()
    jwk = {
        "kty": "RSA",
        "n": base64url(numbers.n.to_bytes(256, "big")),
        "e": base64url(numbers.e.to_bytes(3, "big")),
    }
    claims = {"htm": "POST", "htu": URL, "iat": int(NOW.timestamp()), "jti": "x"}
    signed = jws({"typ": "dpop+jwt", "alg": "RS256", "jwk": jwk}, claims, rs256(RSA_KEY))
    assert isinstance(check(signed), Proof)


# STD-181
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"header": {"typ": "JWT"}}, "dpop_wrong_type"),
        ({"header": {"typ": "at+jwt"}}, "dpop_wrong_type"),
        ({"header": {"typ": None}}, "dpop_wrong_type"),
        ({"header": {"jwk": None}}, "dpop_jwk_missing"),
        ({"header": {"jwk": "x"}}, "dpop_jwk_missing"),
        ({"header": {"jwk": {}}}, "dpop_bad_signature"),
        ({"header": {"jwk": own_jwk(OTHER_KEY)}}, "dpop_bad_signature"),
        ({"header": {"jwk": {**own_jwk(), "alg": "RS256"}}}, "dpop_bad_signature"),
        ({"header": {"jwk": {**own_jwk(), "use": "enc"}}}, "dpop_bad_signature"),
        ({"header": {"jwk": {**own_jwk(), "d": "AAAA"}}}, "dpop_bad_signature"),
        ({"header": {"jwk": {"kty": "oct", "k": "AAAA"}}}, "dpop_bad_signature"),
        ({"header": {"alg": "none"}}, "dpop_bad_signature"),
        ({"header": {"alg": "ES384"}}, "dpop_bad_signature"),
        ({"header": {"jku": "https://evil.example/"}}, "dpop_forbidden_header"),
        ({"header": {"x5c": []}}, "dpop_forbidden_header"),
        ({"header": {"crit": ["exp"]}}, "dpop_forbidden_header"),
        ({"htm": None}, "dpop_wrong_method"),
        ({"htm": "GET"}, "dpop_wrong_method"),
        ({"htm": "post"}, "dpop_wrong_method"),
        ({"htu": None}, "dpop_wrong_url"),
        ({"htu": 1}, "dpop_wrong_url"),
        ({"htu": "/token"}, "dpop_wrong_url"),
        ({"htu": "https://auth.test/token/"}, "dpop_wrong_url"),
        ({"htu": "https://auth.test/Token"}, "dpop_wrong_url"),
        ({"htu": "http://auth.test/token"}, "dpop_wrong_url"),
        ({"htu": "https://auth.test:8443/token"}, "dpop_wrong_url"),
        ({"htu": "https://user@auth.test/token"}, "dpop_wrong_url"),
        ({"htu": "https://auth.test:x/token"}, "dpop_wrong_url"),
        ({"htu": "https://[auth.test/token"}, "dpop_wrong_url"),
        ({"iat": None}, "dpop_iat_missing"),
        ({"iat": "now"}, "dpop_iat_missing"),
        ({"iat": True}, "dpop_iat_missing"),
        ({"iat": int(NOW.timestamp()) - 61}, "dpop_not_of_now"),
        ({"iat": int(NOW.timestamp()) + 31}, "dpop_not_of_now"),
        ({"jti": None}, "dpop_jti_missing"),
        ({"jti": ""}, "dpop_jti_missing"),
        ({"jti": 7}, "dpop_jti_missing"),
        ({"jti": "x" * 257}, "dpop_jti_missing"),
    ],
)
def test_proof_with_anything_wrong_is_none(changed: dict[str, Any], why: str) -> None:
    assert reason(check(made(**changed))) == why


@pytest.mark.parametrize(
    "htu",
    [
        "HTTPS://AUTH.test/token",
        "https://auth.test:443/token",
        "https://auth.test/token?x=1",
        "https://auth.test/token#x",
    ],
)
def test_url_may_be_spelled_as_urls_may(htu: str) -> None:
    assert isinstance(check(made(htu=htu)), Proof)


@pytest.mark.parametrize("seconds", [-60, 0, 30])
def test_proof_is_good_for_a_minute(seconds: int) -> None:
    assert isinstance(check(made(iat=int(NOW.timestamp()) + seconds)), Proof)


# STD-187
def test_replay_is_known_for_longer_than_a_proof_is_fresh() -> None:
    assert timedelta(seconds=60 + 30 + 30) <= dpop.REMEMBERED


def test_one_header_it_has_to_be() -> None:
    assert reason(check()) == "dpop_header_count"
    assert reason(check(made(), made())) == "dpop_header_count"


@pytest.mark.parametrize("sent", ["", "a.b.c", "x" * 9000, "é.é.é", "..", json.dumps({})])
def test_what_is_no_token_is_no_proof(sent: str) -> None:
    assert reason(check(sent)).startswith("dpop_")


def test_weak_rsa_key_is_none() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    numbers = weak.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": base64url(numbers.n.to_bytes(128, "big")), "e": "AQAB"}
    claims = {"htm": "POST", "htu": URL, "iat": int(NOW.timestamp()), "jti": "x"}
    assert (
        reason(check(jws({"typ": "dpop+jwt", "alg": "RS256", "jwk": jwk}, claims, rs256(weak)))) == "dpop_bad_signature"
    )


def test_secret_key_proves_nothing() -> None:
    claims = {"htm": "POST", "htu": URL, "iat": int(NOW.timestamp()), "jti": "x"}
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": {"kty": "oct", "k": base64url(b"k" * 32)}}
    assert reason(check(jws(header, claims, hs256(b"k" * 32)))) == "dpop_bad_signature"
    assert reason(check(jws({**header, "jwk": own_jwk()}, claims, constant(b"x" * 64)))) == "dpop_bad_signature"


def test_private_half_is_never_taken_for_a_public_key() -> None:
    private = KEY.private_numbers().private_value
    jwk = {**own_jwk(), "d": base64url(private.to_bytes(32, "big"))}
    assert isinstance(KEY, ec.EllipticCurvePrivateKey)
    assert reason(check(made(header={"jwk": jwk}))) == "dpop_bad_signature"


# STD-184
def test_at_a_resource_the_proof_names_the_token() -> None:
    assert isinstance(check(made(access_token="token"), access_token="token"), Proof)
    assert reason(check(made(), access_token="token")) == "dpop_wrong_access_token"
    assert reason(check(made(access_token="other"), access_token="token")) == "dpop_wrong_access_token"


# STD-186
@pytest.mark.parametrize("jkt", [None, jkt_of(), "-_" * 21 + "A"])
def test_thumbprint_of_a_key_may_be_asked_with(jkt: str | None) -> None:
    assert dpop.validate_thumbprint(jkt) == jkt


@pytest.mark.parametrize("jkt", ["x", jkt_of() + "A", jkt_of()[:-1] + "=", jkt_of()[:-1] + "é", "a b" + "c" * 40])
def test_what_is_no_thumbprint_is_refused(jkt: str) -> None:
    assert refused(dpop.validate_thumbprint(jkt)) == ("invalid_request", "dpop_jkt_malformed")


# STD-185
def test_nonce_is_good_for_its_minute_and_the_next_at_every_node() -> None:
    here, there = Nonces(["new secret", "old secret"]), Nonces(["old secret"])
    for made_by, checked_by in ((here, here), (there, here)):
        nonce = made_by.current(NOW)
        assert checked_by.are_good(nonce, NOW)
        assert checked_by.are_good(nonce, NOW + timedelta(seconds=60))
        assert not checked_by.are_good(nonce, NOW + timedelta(seconds=120))
        assert not checked_by.are_good(nonce, NOW - timedelta(seconds=60))
    assert not there.are_good(here.current(NOW), NOW)


@given(st.none() | st.text())
def test_invented_nonce_is_not_good(nonce: str | None) -> None:
    assert not Nonces(["secret"]).are_good(nonce, NOW)
