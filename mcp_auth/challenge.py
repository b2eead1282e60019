"""WWW-Authenticate challenges (RFC 6750 §3, RFC 9728 §5.1): where to get a token, and with which scopes (D-15)."""

from mcp_auth.rejection import NOT_BOUND, SECOND_FACTOR, Rejection
from oauth.foundation.vocabulary import AAL2, ErrorCode, Scope
from oauth.protocol.dpop import ALGORITHMS
from oauth.protocol.resources import Resource
from oauth.protocol.scope import to_text


def bearer_challenge(resource: Resource) -> str:
    """→ the challenge for a request without a token. It has no error code (RFC 6750 §3.1)."""
    return f'Bearer resource_metadata="{resource.document_url}", scope="{to_text(resource.baseline)}"'


def invalid_token_challenge(resource: Resource, description: str) -> str:
    """→ the challenge for a token that is not valid. description: a fixed sentence, without quotes or backslashes."""
    return f'{bearer_challenge(resource)}, error="{ErrorCode.INVALID_TOKEN}", error_description="{description}"'


def insufficient_authentication_challenge(resource: Resource) -> str:
    """→ the challenge for a token whose sign-in was too weak, with the acr that suffices (RFC 9470 §3)."""
    return (
        f'{bearer_challenge(resource)}, error="{ErrorCode.INSUFFICIENT_USER_AUTHENTICATION}", '
        f'error_description="{SECOND_FACTOR.description}", acr_values="{AAL2}"'
    )


def rejection_challenge(resource: Resource, rejection: Rejection) -> tuple[ErrorCode, str]:
    """→ error code and challenge for a token that is refused."""
    if rejection == SECOND_FACTOR:
        return ErrorCode.INSUFFICIENT_USER_AUTHENTICATION, insufficient_authentication_challenge(resource)
    return ErrorCode.INVALID_TOKEN, invalid_token_challenge(resource, rejection.description)


def dpop_challenge(rejection: Rejection) -> str:
    """→ the DPoP challenge (RFC 9449 §7.1). Clients that use DPoP get it in addition to the Bearer challenge."""
    code = ErrorCode.INVALID_TOKEN
    if rejection.reason == "dpop_nonce":
        code = ErrorCode.USE_DPOP_NONCE
    elif rejection.reason.startswith("dpop_") and rejection != NOT_BOUND:
        code = ErrorCode.INVALID_DPOP_PROOF
    return f'DPoP algs="{" ".join(ALGORITHMS)}", error="{code}", error_description="{rejection.description}"'


def insufficient_scope_challenge(resource: Resource, needed: frozenset[Scope], description: str) -> str:
    """→ the challenge for a valid token with too little scope.

    needed: all scopes of the operation, so that one step-up is enough (MCP authorization, scope challenge)."""
    return (
        f'Bearer error="{ErrorCode.INSUFFICIENT_SCOPE}", scope="{to_text(needed)}", '
        f'resource_metadata="{resource.document_url}", error_description="{description}"'
    )
