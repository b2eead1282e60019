"""Why a token is refused: the description for the caller and the reason for the log."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from oauth.foundation.outages import Outage, ProviderUnavailable
from oauth.foundation.reason_codes import Reason, ReasonCode
from oauth.foundation.vocabulary import GrantId


class AuthFailureReason(StrEnum):
    """What caused a failed authentication. It decides the status, and so what a client does next.

    INVALID_TOKEN: the token is not valid; 401.
    PROVIDER_ERROR: Supabase answered that the token is not valid; 401.
    PROVIDER_UNREACHABLE: Supabase did not answer, so the token may be valid; 503 with Retry-After. Raised as
        `oauth.foundation.outages.ProviderUnavailable`."""

    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - a code
    PROVIDER_ERROR = "PROVIDER_ERROR"
    PROVIDER_UNREACHABLE = "PROVIDER_UNREACHABLE"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A 401 `invalid_token` (RFC 6750 §3.1).

    reason: a snake_case code, for the log.
    description: a fixed sentence for the caller; contains nothing from the token.
    failure: INVALID_TOKEN for our verdict, PROVIDER_ERROR for Supabase's.
    grant_id: of a token that is proven to be ours, for the flow history; not part of equality."""

    reason: Reason
    description: str
    failure: AuthFailureReason = AuthFailureReason.INVALID_TOKEN
    grant_id: GrantId | None = field(default=None, compare=False)

    def with_grant_id(self, grant_id: GrantId | None) -> "Rejection":
        """→ the same rejection, attributed to a grant."""
        return replace(self, grant_id=grant_id)


def failure_of(outage: Outage) -> AuthFailureReason | None:
    """→ PROVIDER_UNREACHABLE for an outage of Supabase; None for one of our own database."""
    return AuthFailureReason.PROVIDER_UNREACHABLE if isinstance(outage, ProviderUnavailable) else None


MALFORMED = "The access token is malformed."
UNKNOWN_ISSUER = "The access token was issued by someone else."
EXPIRED = "The access token has expired."
WRONG_AUDIENCE = "The access token is for another resource."
REVOKED = "The access token was revoked."
# RFC 9470 §3: the token is valid, but its sign-in was not strong enough.
SECOND_FACTOR = Rejection(ReasonCode.SECOND_FACTOR_REQUIRED, "This needs a sign-in with a second factor.")
PEOPLE_ONLY = "The resource is for people."
KEY_BOUND = "The access token is bound to a key: send it with the DPoP scheme and a proof."
WRONG_KEY = "The DPoP proof is by another key than the access token is bound to."
REPLAYED = "The DPoP proof was used before."
NONCE_REQUIRED = "The DPoP proof has to carry the nonce that this answer brings."
NOT_BOUND = Rejection(
    ReasonCode.DPOP_TOKEN_NOT_BOUND, "The access token is not bound to a key: send it with the Bearer scheme."
)
USER_INACTIVE = "user_inactive"
SCOPE_INSUFFICIENT = Rejection(ReasonCode.SCOPE_INSUFFICIENT, "The access token lacks scope for this resource.")
NOT_PERMITTED = "The person may no longer use this resource."
