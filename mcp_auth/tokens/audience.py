"""A token is for the audience that it names, and for nobody else (RFC 8707, RFC 9068 §4)."""

from mcp_auth import rejection
from mcp_auth.rejection import Rejection
from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol.access_token import AccessToken
from oauth.protocol.resources import Resource


def check(token: AccessToken, resource: Resource) -> Rejection | None:
    """Is this resource the one that the token was minted for?"""
    if token.audience == resource.identifier:
        return None
    return Rejection(ReasonCode.WRONG_AUDIENCE, rejection.WRONG_AUDIENCE)
