import hashlib
import string
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.protocol import pkce
from tests.support.builders import CHALLENGE, VERIFIER, refused

UNRESERVED = string.ascii_letters + string.digits + "-._~"


def test_verifier_of_rfc_7636_appendix_b_proves_its_challenge() -> None:
    assert pkce.s256(VERIFIER) == CHALLENGE
    assert pkce.check_code_verifier(VERIFIER, CHALLENGE) is None


def test_s256_challenge_is_accepted_as_it_is() -> None:
    assert pkce.validate_code_challenge(CHALLENGE, "S256") == CHALLENGE


# STD-57, STD-171 and F-9: no challenge, no method (which means plain), or another method.
@pytest.mark.parametrize(
    ("challenge", "method", "reason"),
    [
        (None, None, "code_challenge_missing"),
        (None, "S256", "code_challenge_missing"),
        (CHALLENGE, None, "code_challenge_method"),
        (CHALLENGE, "plain", "code_challenge_method"),
        (CHALLENGE, "s256", "code_challenge_method"),
        (CHALLENGE, "S512", "code_challenge_method"),
    ],
)
def test_challenge_that_is_missing_or_not_s256_is_invalid_request(
    challenge: str | None, method: str | None, reason: str
) -> None:
    assert refused(pkce.validate_code_challenge(challenge, method)) == ("invalid_request", reason)


# STD-169: SHA-256 is 43 base64url characters.
@pytest.mark.parametrize(
    "challenge",
    [
        "",
        CHALLENGE[:-1],
        CHALLENGE + "A",
        CHALLENGE + "=",
        CHALLENGE[:-1] + "+",
        CHALLENGE[:-1] + "é",
        CHALLENGE + "\n",
    ],
)
def test_challenge_that_is_no_sha256_is_invalid_request(challenge: str) -> None:
    assert refused(pkce.validate_code_challenge(challenge, "S256")) == ("invalid_request", "code_challenge_malformed")


# F-9, STD-169: 43 to 128 unreserved characters; anything else is a refusal, never an exception.
@pytest.mark.parametrize(
    "verifier",
    [
        None,
        "",
        "a",
        "a" * 42,
        "a" * 129,
        "a" * 42 + "é",
        "é" * 43,
        "a" * 42 + "+",
        "a" * 42 + " ",
        "a" * 43 + "\n",
        "a" * 42 + "\0",
        "\ud800" * 43,
        "\uff21" * 43,
    ],
)
def test_verifier_that_is_missing_or_malformed_is_invalid_grant(verifier: str | None) -> None:
    assert refused(pkce.check_code_verifier(verifier, CHALLENGE)) == ("invalid_grant", "code_verifier_malformed")


def test_verifier_of_another_challenge_is_invalid_grant() -> None:
    assert refused(pkce.check_code_verifier("w" * 43, CHALLENGE)) == ("invalid_grant", "code_verifier_mismatch")


# F-9: with plain, the challenge would be its own verifier.
def test_challenge_does_not_prove_itself() -> None:
    assert refused(pkce.check_code_verifier(CHALLENGE, CHALLENGE)) == ("invalid_grant", "code_verifier_mismatch")


@pytest.mark.parametrize("length", [43, 128])
def test_shortest_and_longest_verifier_prove_their_challenge(length: int) -> None:
    verifier = "-._~" + "a" * (length - 4)
    assert pkce.check_code_verifier(verifier, pkce.s256(verifier)) is None


# STD-170
@given(st.text(UNRESERVED, min_size=43, max_size=128))
def test_challenge_is_base64url_of_sha256_of_the_verifier(verifier: str) -> None:
    expected = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().removesuffix("=")
    assert pkce.s256(verifier) == expected
    assert pkce.validate_code_challenge(expected, "S256") == expected
