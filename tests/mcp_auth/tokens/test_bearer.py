"""The reading that both kinds of token go through, in the words of a 401."""

import pytest

from mcp_auth import rejection
from mcp_auth.rejection import Rejection
from mcp_auth.tokens import bearer
from oauth.foundation.reason_codes import ReasonCode, claim_in_the_future
from oauth.jose.jws import UnverifiedToken
from tests.support.builders import NOW
from tests.support.forging import ec_key, es256
from tests.support.tokens import ISSUED_AT, OUR_KID, OurKeys, make_access_claims, make_access_token

MALFORMED = "The access token is malformed."
EXPIRED = "The access token has expired."


def read(token: str) -> UnverifiedToken:
    unverified = bearer.read(token)
    assert isinstance(unverified, UnverifiedToken)
    return unverified


def test_good_token_is_read_and_its_signature_holds() -> None:
    token = read(make_access_token())
    assert token.claims == make_access_claims()
    assert bearer.check_signature(token, OurKeys().verification_key(OUR_KID, NOW)) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.b.c.d.e", "x" * 9000])
def test_what_is_no_token_is_rejected_without_a_word_of_what_it_was(token: str) -> None:
    outcome = bearer.read(token)
    assert isinstance(outcome, Rejection)
    assert outcome.description == MALFORMED


def test_token_of_an_unknown_key_is_rejected() -> None:
    assert bearer.check_signature(read(make_access_token()), None) == Rejection(ReasonCode.UNKNOWN_KEY, MALFORMED)


def test_token_that_somebody_else_signed_is_rejected() -> None:
    forged = read(make_access_token(sign=es256(ec_key(9))))
    key = OurKeys().verification_key(OUR_KID, NOW)
    assert bearer.check_signature(forged, key) == Rejection(ReasonCode.BAD_SIGNATURE, MALFORMED)


# D-10: 30 s of leeway. Only a token that was good once is called expired.
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (make_access_claims(exp=ISSUED_AT - 30), None),
        (make_access_claims(exp=ISSUED_AT - 31), Rejection(ReasonCode.EXPIRED, EXPIRED)),
        (make_access_claims(nbf=ISSUED_AT + 30), None),
        (make_access_claims(nbf=ISSUED_AT + 31), Rejection(claim_in_the_future("nbf"), MALFORMED)),
        (make_access_claims(exp=None), Rejection(ReasonCode.EXP_MISSING, MALFORMED)),
    ],
)
def test_time_is_told_with_half_a_minute_of_leeway(claims: dict[str, object], expected: Rejection | None) -> None:
    assert bearer.check_times(read(make_access_token(claims)), NOW.timestamp()) == expected


# STD-74, RFC 6750 §3: they stand in a header, between quotes.
@pytest.mark.parametrize(
    "description",
    [
        value.description if isinstance(value, rejection.Rejection) else value
        for name, value in sorted(vars(rejection).items())
        if name.isupper()
    ],
)
def test_every_description_fits_into_a_challenge(description: str) -> None:
    assert description.isascii()
    assert description.isprintable()
    assert '"' not in description
    assert "\\" not in description
