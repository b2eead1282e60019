"""The strict parser for bearer JWTs, and the checks that both kinds of token share (D-10).

`iss` and `typ` decide the kind. Then only the rules and keys of that kind apply (RFC 8725 §3.8, §3.11)."""

from datetime import timedelta

from mcp_auth import rejection
from mcp_auth.rejection import Rejection
from oauth.foundation.reason_codes import ReasonCode
from oauth.jose import jws
from oauth.jose.jws import UnverifiedToken, VerificationKey

LEEWAY = timedelta(seconds=30)


def read(token: str) -> UnverifiedToken | Rejection:
    """Parse a compact JWS. The signature and the claims are not verified."""
    unverified = jws.read(token)
    if isinstance(unverified, str):
        return Rejection(unverified, rejection.MALFORMED)
    return unverified


def check_signature(token: UnverifiedToken, key: VerificationKey | None) -> Rejection | None:
    """→ None if the signature is valid, else a rejection. key: None if the issuer has no key with the token's `kid`."""
    if key is None:
        return Rejection(ReasonCode.UNKNOWN_KEY, rejection.MALFORMED)
    if not key.verifies(token):
        return Rejection(ReasonCode.BAD_SIGNATURE, rejection.MALFORMED)
    return None


def check_times(token: UnverifiedToken, now: float) -> Rejection | None:
    """→ None if now is between nbf and exp, with LEEWAY on both sides, else a rejection. now: seconds since 1970."""
    problem = jws.check_times(token.claims, now, LEEWAY.total_seconds())
    if problem is None:
        return None
    return Rejection(problem, rejection.EXPIRED if problem == "expired" else rejection.MALFORMED)
