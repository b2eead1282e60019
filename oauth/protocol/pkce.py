"""Proof Key for Code Exchange (RFC 7636): S256 and nothing else."""

import hashlib
import hmac
import re

from oauth.foundation import base64url
from oauth.foundation.credentials import Entropy, new_secret
from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol.errors import OAuthError, invalid_grant, invalid_request

METHOD = "S256"

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}", re.ASCII)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def s256(verifier: str) -> str:
    """BASE64URL(SHA256(ASCII(verifier))), RFC 7636 §4.2."""
    return base64url.encode(hashlib.sha256(verifier.encode("ascii")).digest())


def new_code_verifier(entropy: Entropy) -> str:
    """A verifier of 256 random bits, 43 characters (RFC 7636 §4.1)."""
    return new_secret("", entropy)


def validate_code_challenge(challenge: str | None, method: str | None) -> str | OAuthError:
    """The challenge, if it is there and S256. Source: OAuth 2.1 §4.1.2.1; RFC 7636 §4.3, §4.4.1."""
    if challenge is None:
        return invalid_request("code_challenge is required.", reason=ReasonCode.CODE_CHALLENGE_MISSING)
    # RFC 7636 §4.3: a missing method means plain, which is not offered here.
    if method != METHOD:
        return invalid_request("code_challenge_method must be S256.", reason=ReasonCode.CODE_CHALLENGE_METHOD)
    if not _CHALLENGE.fullmatch(challenge):
        return invalid_request(
            "code_challenge must be 43 base64url characters.", reason=ReasonCode.CODE_CHALLENGE_MALFORMED
        )
    return challenge


def check_code_verifier(verifier: str | None, challenge: str) -> OAuthError | None:
    """Does the verifier prove that its sender made the challenge? Anything else is invalid_grant (RFC 7636 §4.6)."""
    # RFC 7636 §4.1: 43 to 128 unreserved characters.
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return invalid_grant("code_verifier is missing or malformed.", reason=ReasonCode.CODE_VERIFIER_MALFORMED)
    if not hmac.compare_digest(s256(verifier), challenge):
        return invalid_grant("code_verifier does not match code_challenge.", reason=ReasonCode.CODE_VERIFIER_MISMATCH)
    return None
