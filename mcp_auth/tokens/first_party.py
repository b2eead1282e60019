"""Access tokens of our own authorization server (RFC 9068 §4)."""

from datetime import datetime
from typing import Protocol

from mcp_auth import rejection
from mcp_auth.rejection import Rejection
from mcp_auth.tokens import bearer
from oauth.foundation.reason_codes import ReasonCode, claim_missing
from oauth.jose.jws import UnverifiedToken, VerificationKey
from oauth.protocol import access_token
from oauth.protocol.access_token import AccessToken


class FirstPartyKeys(Protocol):
    """Our public keys: the key ring in the authorization server's process, the fetched JWKS in other processes."""

    def verification_key(self, kid: str | None, now: datetime) -> VerificationKey | None:
        """→ the key with this id; None if there is none, or if tokens may not be signed with it at `now`."""
        ...


def check(token: UnverifiedToken, keys: FirstPartyKeys, now: datetime) -> AccessToken | Rejection:
    """→ the claims of a valid access token of ours, or why it is refused. The caller has compared `iss`, and checks
    `aud`."""
    if token.type not in {access_token.TYPE, f"application/{access_token.TYPE}"}:
        return Rejection(ReasonCode.WRONG_TYPE, rejection.MALFORMED)
    bad_signature = bearer.check_signature(token, keys.verification_key(token.kid, now))
    if bad_signature is not None:
        return bad_signature
    bad_times = bearer.check_times(token, now.timestamp())
    if bad_times is not None:
        return bad_times
    claims = access_token.read(token.claims)
    if isinstance(claims, str):
        return Rejection(claim_missing(claims), rejection.MALFORMED)
    return claims
