"""Errors are values: what goes on the wire, and why it happened for the log."""

from dataclasses import dataclass

from oauth.foundation.reason_codes import Reason, ReasonCode
from oauth.foundation.vocabulary import ErrorCode


@dataclass(frozen=True, slots=True)
class OAuthError:
    """A refusal. description: RFC 6749 §5.2 characters only, never anything the caller sent, never a secret.
    reason: a snake_case code for the log, where operators search for it. retry_after: seconds to wait, for somebody who
    has tried too often. nonce: for the next DPoP proof."""

    code: ErrorCode
    description: str
    reason: Reason
    retry_after: int | None = None
    nonce: str | None = None


def invalid_request(description: str, reason: Reason) -> OAuthError:
    """A parameter is missing, repeated or malformed (RFC 6749 §4.1.2.1, §5.2)."""
    return OAuthError(ErrorCode.INVALID_REQUEST, description, reason)


def invalid_client(description: str, reason: Reason) -> OAuthError:
    """Client authentication failed (RFC 6749 §5.2); a client that hears this registers again (D-15)."""
    return OAuthError(ErrorCode.INVALID_CLIENT, description, reason)


def unknown_client() -> OAuthError:
    """It is not registered, or not any more (D-15, P-13)."""
    return invalid_client("The client is unknown here: register again.", reason=ReasonCode.CLIENT_UNKNOWN)


def invalid_grant(description: str, reason: Reason) -> OAuthError:
    """The code or refresh token is not good (RFC 6749 §5.2); a client that hears this signs in again."""
    return OAuthError(ErrorCode.INVALID_GRANT, description, reason)


def invalid_scope(description: str, reason: Reason = ReasonCode.UNKNOWN_SCOPE) -> OAuthError:
    """The scope is unknown, malformed or wider than the grant (RFC 6749 §5.2)."""
    return OAuthError(ErrorCode.INVALID_SCOPE, description, reason)


def invalid_target(description: str, reason: Reason = ReasonCode.UNKNOWN_RESOURCE) -> OAuthError:
    """The resource is not one of ours or not the granted one (RFC 8707 §2)."""
    return OAuthError(ErrorCode.INVALID_TARGET, description, reason)


def unauthorized_client(description: str, reason: Reason = ReasonCode.GRANT_TYPE_NOT_REGISTERED) -> OAuthError:
    """The client may not use this grant type (RFC 6749 §5.2)."""
    return OAuthError(ErrorCode.UNAUTHORIZED_CLIENT, description, reason)


def unsupported_grant_type(description: str) -> OAuthError:
    """No such grant type here (RFC 6749 §5.2)."""
    return OAuthError(ErrorCode.UNSUPPORTED_GRANT_TYPE, description, ReasonCode.UNSUPPORTED_GRANT_TYPE)


def unsupported_response_type(description: str) -> OAuthError:
    """Anything but `code` (RFC 6749 §4.1.2.1)."""
    return OAuthError(ErrorCode.UNSUPPORTED_RESPONSE_TYPE, description, ReasonCode.UNSUPPORTED_RESPONSE_TYPE)


def access_denied(description: str, reason: Reason) -> OAuthError:
    """The person said no, or may not have this resource (RFC 6749 §4.1.2.1)."""
    return OAuthError(ErrorCode.ACCESS_DENIED, description, reason)


def invalid_redirect_uri(description: str, reason: Reason = ReasonCode.REDIRECT_URI_REFUSED) -> OAuthError:
    """A redirect URI that may not be registered (RFC 7591 §3.2.2)."""
    return OAuthError(ErrorCode.INVALID_REDIRECT_URI, description, reason)


def invalid_client_metadata(description: str, reason: Reason = ReasonCode.CLIENT_METADATA_REFUSED) -> OAuthError:
    """A metadata field that may not be registered (RFC 7591 §3.2.2)."""
    return OAuthError(ErrorCode.INVALID_CLIENT_METADATA, description, reason)


def temporarily_unavailable(reason: Reason) -> OAuthError:
    """An outage (D-16)."""
    return OAuthError(
        ErrorCode.TEMPORARILY_UNAVAILABLE,
        "The server cannot answer right now. Nothing was changed; repeat the same request in a few seconds.",
        reason,
    )


def too_many_requests(meaning: str, reason: Reason, retry_after: int) -> OAuthError:
    """Somebody has tried too often (RFC 6585 §4). retry_after: seconds."""
    description = f"{meaning} Try again in {retry_after} s."
    return OAuthError(ErrorCode.TEMPORARILY_UNAVAILABLE, description, reason, retry_after)


def invalid_dpop_proof(description: str, reason: Reason) -> OAuthError:
    """The proof is missing, no good, or by another key (RFC 9449 §5)."""
    return OAuthError(ErrorCode.INVALID_DPOP_PROOF, description, reason)


def use_dpop_nonce(nonce: str) -> OAuthError:
    """The proof has to carry this nonce (RFC 9449 §8)."""
    description = "The DPoP proof has to carry the nonce that this answer brings."
    return OAuthError(ErrorCode.USE_DPOP_NONCE, description, ReasonCode.DPOP_NONCE, nonce=nonce)
