"""Why a token is refused: what the caller may hear, and what the log must know."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rejection:
    """A 401 `invalid_token` (RFC 6750 §3.1).

    reason: a snake_case code. description: a sentence of ours, without anything from the token."""

    reason: str
    description: str


MALFORMED = "The access token is malformed."
UNKNOWN_ISSUER = "The access token was issued by someone else."
EXPIRED = "The access token has expired."
WRONG_AUDIENCE = "The access token is for another resource."
REVOKED = "The access token was revoked."
NOT_PERMITTED = "The person may no longer use this resource."
