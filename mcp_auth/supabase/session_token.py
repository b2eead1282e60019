"""The rules by which a resource accepts access tokens of Supabase Auth (D-9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_auth import rejection
from mcp_auth.rejection import Rejection
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Subject
from oauth.protocol.resources import Resource, SupabaseTokens

SESSION_AUDIENCE = "authenticated"

NOT_ACCEPTED = Rejection(ReasonCode.SUPABASE_TOKEN_REFUSED, "This resource takes no tokens of Supabase Auth.")


@dataclass(frozen=True, slots=True)
class SessionToken:
    """The claims of a user session of the project.

    subject: the Supabase user id.
    session_id: of Supabase.
    issued_at, expires_at: seconds since 1970.
    acr: from `aal`; `aal1` without it."""

    subject: Subject
    session_id: str
    issued_at: float
    expires_at: float
    acr: str


def check(claims: Mapping[str, Any], resource: Resource) -> SessionToken | Rejection:
    """→ the session, or a rejection with the rule that refused it. Checks neither signature nor times."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    match resource.supabase_tokens:
        case SupabaseTokens.AUDIENCE:
            if resource.identifier not in audiences:
                return Rejection(ReasonCode.SUPABASE_AUDIENCE, rejection.WRONG_AUDIENCE)
        case SupabaseTokens.SESSION:
            if SESSION_AUDIENCE not in audiences:
                return Rejection(ReasonCode.SUPABASE_AUDIENCE, rejection.WRONG_AUDIENCE)
        case SupabaseTokens.NEVER:
            return NOT_ACCEPTED
    return check_person(claims)


def check_person(claims: Mapping[str, Any]) -> SessionToken | Rejection:
    """→ the session, if it is that of a signed-in, non-anonymous person. Else a rejection."""
    if claims.get("role") != "authenticated":
        return Rejection(ReasonCode.SUPABASE_ROLE, "Only the token of a signed-in person is accepted.")
    if claims.get("is_anonymous") is not False:
        return Rejection(ReasonCode.SUPABASE_ANONYMOUS, "Anonymous users are not accepted.")
    # Supabase issued a token with client_id to a third-party application, for which alone it is valid (D-9).
    if "client_id" in claims:
        return Rejection(
            ReasonCode.SUPABASE_THIRD_PARTY_CLIENT, "Tokens issued to other applications are not accepted."
        )
    subject, session_id, issued_at = claims.get("sub"), claims.get("session_id"), claims.get("iat")
    if not isinstance(subject, str) or not isinstance(session_id, str) or not subject or not session_id:
        return Rejection(ReasonCode.SUPABASE_SESSION_MISSING, rejection.MALFORMED)
    if issued_at is None:
        return Rejection(ReasonCode.IAT_MISSING, rejection.MALFORMED)
    aal = claims.get("aal")
    acr = aal if isinstance(aal, str) else "aal1"
    return SessionToken(Subject(subject), session_id, float(issued_at), float(claims["exp"]), acr)
