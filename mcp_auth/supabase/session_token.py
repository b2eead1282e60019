"""Access tokens of Supabase Auth: which of them a resource takes (D-9, F-10)."""

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
    """A user session of the project; signature and times already checked. Instants: seconds since 1970."""

    subject: Subject
    session_id: str
    issued_at: float
    expires_at: float
    acr: str


def check(claims: Mapping[str, Any], resource: Resource) -> SessionToken | Rejection:
    """The rules of the resource for tokens that we did not issue. Each refusal says which rule it was."""
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
    """Is this the session of a signed-in person, and of nobody else?"""
    if claims.get("role") != "authenticated":
        return Rejection(ReasonCode.SUPABASE_ROLE, "Only the token of a signed-in person is accepted.")
    if claims.get("is_anonymous") is not False:
        return Rejection(ReasonCode.SUPABASE_ANONYMOUS, "Anonymous users are not accepted.")
    # A token that Supabase gave to a third party's app is for that app (F-10).
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
