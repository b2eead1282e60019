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
    """Where our public keys come from: the key ring of this process, or our JWKS elsewhere."""

    def verification_key(self, kid: str | None, now: datetime) -> VerificationKey | None:
        """The key of that id, if a token may be signed with it now."""
        ...


def check(token: UnverifiedToken, keys: FirstPartyKeys, now: datetime) -> AccessToken | Rejection:
    """Is this an access token of ours, as we mint them? `iss` has been compared already."""
    if token.type not in {access_token.TYPE, f"application/{access_token.TYPE}"}:
        return Rejection(ReasonCode.WRONG_TYPE, rejection.MALFORMED)
    forged = bearer.check_signature(token, keys.verification_key(token.kid, now))
    if forged is not None:
        return forged
    untimely = bearer.check_times(token, now.timestamp())
    if untimely is not None:
        return untimely
    claims = access_token.read(token.claims)
    if isinstance(claims, str):
        return Rejection(claim_missing(claims), rejection.MALFORMED)
    return claims
