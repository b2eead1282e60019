"""Is this an access token of ours, as we mint them? (D-5, D-10)"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mcp_auth.rejection import Rejection
from mcp_auth.tokens import bearer, first_party
from oauth.foundation.vocabulary import ClientId, GrantId, ResourceIndicator, Subject
from oauth.protocol.access_token import AccessToken
from tests.support.builders import NOW, scopes
from tests.support.forging import Signer, base64url, constant, ec_key, es256, hs256, public_jwk, rs256
from tests.support.tokens import (
    ISSUED_AT,
    OUR_KEY,
    OUR_KID,
    OUR_SIGNATURE,
    OurKeys,
    make_access_claims,
    make_access_header,
    make_access_token,
    without,
)

PUBLIC = OUR_KEY.public_key()
PEM = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
DER = PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
JWK = json.dumps(public_jwk(PUBLIC, OUR_KID)).encode()
POINT = PUBLIC.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check(token: str) -> AccessToken | Rejection:
    unverified = bearer.read(token)
    if isinstance(unverified, Rejection):
        return unverified
    return first_party.check(unverified, OurKeys(), NOW)


def reason(token: str) -> str:
    outcome = check(token)
    assert isinstance(outcome, Rejection), outcome
    return outcome.reason


def test_good_token_is_read() -> None:
    assert check(make_access_token()) == AccessToken(
        subject=Subject("subject_1"),
        audience=ResourceIndicator("https://auth.test/mcp"),
        client_id=ClientId("client_1"),
        scope=scopes("mcp:read mcp:write"),
        token_id="0.token_1",
        grant_id=GrantId("grant_1"),
        issued_at=ISSUED_AT,
        expires_at=ISSUED_AT + 1800,
        acr="aal1",
        is_of_machine=False,
    )


# STD-153: both names of the type.
def test_type_may_be_written_as_a_media_type() -> None:
    assert check(make_access_token(header=make_access_header(typ="application/at+jwt"))) == check(make_access_token())


# F-30, STD-154, STD-165: a token of another kind, even signed by us, is no access token.
@pytest.mark.parametrize(
    "typ",
    [
        None,
        "JWT",
        "jwt",
        "",
        "at+jwt ",
        "at+jwt2",
        "id+jwt",
        "logout+jwt",
        "dpop+jwt",
        "oauth-id-jag+jwt",
        "secevent+jwt",
    ],
)
def test_token_of_another_type_is_rejected(typ: str | None) -> None:
    assert reason(make_access_token(header=make_access_header(typ=typ))) == "wrong_type"


def double(signed: bytes) -> bytes:
    return OUR_SIGNATURE(signed) * 2


def cut(signed: bytes) -> bytes:
    return OUR_SIGNATURE(signed)[:-1]


def swapped(signed: bytes) -> bytes:
    signature = OUR_SIGNATURE(signed)
    return signature[32:] + signature[:32]


def sha384(signed: bytes) -> bytes:
    r, s = decode_dss_signature(OUR_KEY.sign(signed, ec.ECDSA(SHA384())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


# D-10, STD-156, STD-157: the algorithm is the key's, never the token's.
@pytest.mark.parametrize(
    ("algorithm", "sign"),
    [
        ("none", constant(b"")),
        ("None", constant(b"")),
        ("nOnE", OUR_SIGNATURE),
        ("", OUR_SIGNATURE),
        ("HS256", hs256(PEM)),
        ("HS256", hs256(PEM.strip())),
        ("HS256", hs256(DER)),
        ("HS256", hs256(JWK)),
        ("HS256", hs256(POINT)),
        ("HS256", hs256(b"")),
        ("HS384", hs256(PEM)),
        ("RS256", rs256(rsa.generate_private_key(65537, 2048))),
        ("ES384", sha384),
        ("es256", OUR_SIGNATURE),
        ("ES256K", OUR_SIGNATURE),
        ("EdDSA", OUR_SIGNATURE),
        # with the right name, and no signature of ours
        ("ES256", constant(b"")),
        ("ES256", constant(bytes(64))),
        ("ES256", constant(b"\0" * 31 + b"\1" + b"\0" * 31 + b"\1")),
        ("ES256", hs256(PEM)),
        ("ES256", es256(ec_key(3))),
        ("ES256", sha384),
        ("ES256", double),
        ("ES256", cut),
        ("ES256", swapped),
    ],
)
def test_token_without_our_signature_is_rejected_whatever_it_says_of_itself(algorithm: str, sign: Signer) -> None:
    assert reason(make_access_token(header=make_access_header(alg=algorithm), sign=sign)) == "bad_signature"


# RFC 7518 §3.4: r and s side by side, and no ASN.1 around them.
def test_signature_in_another_format_is_rejected() -> None:
    token = make_access_token(sign=lambda signed: OUR_KEY.sign(signed, ec.ECDSA(SHA256())))
    assert reason(token) == "bad_signature"


# STD-164: a kid is looked up, and nothing else is done with it.
@pytest.mark.parametrize(
    "kid",
    [
        None,
        "",
        "other",
        OUR_KID + " ",
        OUR_KID.upper(),
        "../../../dev/null",
        "' OR 1=1 --",
        "https://evil.example/k",
        "\0",
    ],
)
def test_token_of_a_key_that_we_do_not_have_is_rejected(kid: str | None) -> None:
    assert reason(make_access_token(header=make_access_header(kid=kid))) == "unknown_key"


@pytest.mark.parametrize(
    ("header", "claims", "expected"),
    [
        # STD-164, STD-166
        ({"jku": "https://evil.example/jwks.json"}, {}, "forbidden_header"),
        ({"x5u": "https://evil.example/x.pem"}, {}, "forbidden_header"),
        ({"jwk": public_jwk(ec_key(3).public_key(), "k")}, {}, "forbidden_header"),
        ({"x5c": ["MII"]}, {}, "forbidden_header"),
        ({"crit": ["exp"], "exp": 1}, {}, "forbidden_header"),
        # F-30
        ({}, {"exp": None}, "exp_missing"),
        ({}, {"exp": True}, "exp_missing"),
        ({}, {"exp": str(ISSUED_AT + 60)}, "exp_missing"),
        ({}, {"exp": ISSUED_AT + 60.5}, "exp_missing"),
        ({}, {"exp": ISSUED_AT - 31}, "expired"),
        ({}, {"nbf": ISSUED_AT + 31}, "nbf_in_the_future"),
        ({}, {"nbf": "0"}, "nbf_malformed"),
        ({}, {"iat": ISSUED_AT + 31}, "iat_in_the_future"),
        ({}, {"iat": None}, "iat_missing"),
        ({}, {"iat": ISSUED_AT + 0.5}, "iat_missing"),
        ({}, {"auth_time": True}, "auth_time_missing"),
        # D-5: exactly one audience
        ({}, {"aud": ["https://auth.test/mcp"]}, "aud_missing"),
        ({}, {"aud": ["https://auth.test/mcp", "https://auth.test/api"]}, "aud_missing"),
        ({}, {"aud": None}, "aud_missing"),
        ({}, {"sub": 1}, "sub_missing"),
        ({}, {"scope": ["mcp:read"]}, "scope_missing"),
        ({}, {"gid": None}, "gid_missing"),
    ],
)
def test_token_that_we_would_not_have_minted_is_rejected(
    header: Mapping[str, object], claims: Mapping[str, object], expected: str
) -> None:
    token = make_access_token(make_access_claims(**claims), make_access_header(**header))
    assert reason(token) == expected


@pytest.mark.parametrize("name", ["sub", "aud", "client_id", "scope", "jti", "gid", "acr", "iat", "exp", "auth_time"])
def test_token_without_a_required_claim_is_rejected(name: str) -> None:
    assert reason(make_access_token(without(make_access_claims(), name))) == f"{name}_missing"


@pytest.mark.parametrize("leeway", [30, 0, -1800])
def test_token_is_good_until_half_a_minute_after_its_end(leeway: int) -> None:
    assert isinstance(check(make_access_token(make_access_claims(exp=ISSUED_AT - leeway))), AccessToken)


CLAIMS = json.dumps(make_access_claims())


# F-29, STD-161, STD-167: properly signed, and still not read.
@pytest.mark.parametrize(
    "payload",
    [
        CLAIMS.replace('"sub"', '"sub": "victim", "sub"'),
        CLAIMS.replace('"exp"', '"exp": 99999999999, "exp"'),
        CLAIMS.replace(str(ISSUED_AT + 1800), "Infinity"),
        CLAIMS.replace(str(ISSUED_AT + 1800), "NaN"),
        CLAIMS.replace('"aal1"', "[" * 8 + "]" * 8),
        CLAIMS.replace('"aal1"', r'"\ud800"'),
        "[" + CLAIMS + "]",
        CLAIMS + CLAIMS,
        json.dumps(CLAIMS),
        "null",
        "",
    ],
)
def test_token_whose_claims_are_not_one_strict_object_is_rejected(payload: str) -> None:
    assert reason(make_access_token(payload.encode(), make_access_header())) == "not_json"


# F-29
def test_thirteen_kilobytes_of_brackets_are_rejected() -> None:
    assert reason(make_access_token(header=b'{"alg":' + b"[" * 13_000)) == "oversized"


# STD-158: every bit of header, claims and signature counts.
def test_every_bit_flip_of_a_good_token_is_rejected() -> None:
    token = make_access_token()
    parts = [bytearray(part) for part in (urlsafe_b64decode(part + "==") for part in token.split("."))]
    for part in parts:
        for bit in range(len(part) * 8):
            part[bit // 8] ^= 1 << bit % 8
            assert isinstance(check(".".join(base64url(bytes(each)) for each in parts)), Rejection)
            part[bit // 8] ^= 1 << bit % 8
    assert isinstance(check(".".join(base64url(bytes(each)) for each in parts)), AccessToken)


# D-10: nor has a good token a second spelling.
def test_every_bit_flip_of_a_good_tokens_text_is_rejected() -> None:
    token = make_access_token()
    for at, character in enumerate(token):
        for bit in range(8):
            flipped = f"{token[:at]}{chr(ord(character) ^ 1 << bit)}{token[at + 1 :]}"
            assert isinstance(check(flipped), Rejection)


def test_parts_of_two_good_tokens_do_not_make_a_third() -> None:
    one = make_access_token().split(".")
    other = make_access_token(make_access_claims(sub="subject_2")).split(".")
    for mixed in ([one[0], other[1], one[2]], [one[0], one[1], other[2]], [one[0], other[1], ""]):
        assert reason(".".join(mixed)) == "bad_signature"
