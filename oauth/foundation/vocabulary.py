"""The words of the protocol, as types."""

from enum import StrEnum
from typing import NewType

ClientId = NewType("ClientId", str)
GrantId = NewType("GrantId", str)
Subject = NewType("Subject", str)  # the Supabase user id (D-12)
Scope = NewType("Scope", str)
ResourceIndicator = NewType("ResourceIndicator", str)
Digest = NewType("Digest", bytes)  # SHA-256 of a secret: all that is ever stored of one

OFFLINE_ACCESS = Scope("offline_access")
AAL2 = "aal2"  # the `acr` of somebody who has given a second factor, in Supabase's words


class ErrorCode(StrEnum):
    """Registered error codes of RFC 6749, 6750, 7009, 7591, 8707, 9449 and 9470."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    ACCESS_DENIED = "access_denied"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    INVALID_REDIRECT_URI = "invalid_redirect_uri"
    INVALID_CLIENT_METADATA = "invalid_client_metadata"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - the code's name, not a token
    INVALID_DPOP_PROOF = "invalid_dpop_proof"
    USE_DPOP_NONCE = "use_dpop_nonce"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    INSUFFICIENT_USER_AUTHENTICATION = "insufficient_user_authentication"


class Role(StrEnum):
    """What a person is here (SEED-33); kept on the local row, never in a token."""

    USER = "user"
    AGENT = "agent"
    ADMIN = "admin"


class Step(StrEnum):
    """The steps of connecting, in order. An attempt to connect has come as far as its last step."""

    CHALLENGED = "challenged"
    RESOURCE_METADATA = "resource_metadata"
    SERVER_METADATA = "server_metadata"
    REGISTERED = "registered"
    PUSHED = "pushed"
    AUTHORIZATION_REQUESTED = "authorization_requested"
    SIGNED_IN = "signed_in"
    CONSENTED = "consented"
    TOKEN_ISSUED = "token_issued"  # noqa: S105 - a step
    CALLED = "called"
