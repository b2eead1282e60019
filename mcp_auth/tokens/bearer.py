"""The strict reading of a bearer JWT, shared by both kinds of token (D-10).

Which kind it is, `iss` and `typ` decide; then only that kind's rules and keys apply (RFC 8725 §3.8, §3.11)."""

from datetime import timedelta

from mcp_auth import rejection
from mcp_auth.rejection import Rejection
from oauth.foundation.reason_codes import ReasonCode
from oauth.jose import jws
from oauth.jose.jws import UnverifiedToken, VerificationKey

LEEWAY = timedelta(seconds=30)


def read(token: str) -> UnverifiedToken | Rejection:
    """Take a token apart; nothing in it is proven yet."""
    unverified = jws.read(token)
    if isinstance(unverified, str):
        return Rejection(unverified, rejection.MALFORMED)
    return unverified


def check_signature(token: UnverifiedToken, key: VerificationKey | None) -> Rejection | None:
    """Was it signed with this key of its issuer? None as the key: the issuer has no key of that id."""
    if key is None:
        return Rejection(ReasonCode.UNKNOWN_KEY, rejection.MALFORMED)
    if not key.verifies(token):
        return Rejection(ReasonCode.BAD_SIGNATURE, rejection.MALFORMED)
    return None


def check_times(token: UnverifiedToken, now: float) -> Rejection | None:
    """Is now between nbf and exp, give or take the leeway? now: seconds since 1970."""
    wrong = jws.check_times(token.claims, now, LEEWAY.total_seconds())
    if wrong is None:
        return None
    return Rejection(wrong, rejection.EXPIRED if wrong == "expired" else rejection.MALFORMED)
