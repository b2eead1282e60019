"""The audience of a token: it is valid only at the resource that it names (RFC 8707, RFC 9068 §4)."""

from mcp_auth import rejection
from mcp_auth.rejection import Rejection
from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol.access_token import AccessToken
from oauth.protocol.resources import Resource


def check(token: AccessToken, resource: Resource) -> Rejection | None:
    """→ None if the token was issued for this resource, else a rejection."""
    if token.audience == resource.identifier:
        return None
    return Rejection(ReasonCode.WRONG_AUDIENCE, rejection.WRONG_AUDIENCE)
