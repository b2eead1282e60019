"""The caller, whichever kind of token said so."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fastmcp.exceptions import ToolError

from oauth.foundation.vocabulary import ClientId, GrantId, ResourceIndicator, Role, Scope, Subject


class TokenKind(StrEnum):
    """Who issued the token: this authorization server, or Supabase Auth."""

    FIRST_PARTY = "first_party"
    SUPABASE = "supabase"


@dataclass(frozen=True, slots=True)
class Principal:
    """A proven caller at one resource.

    client_id, grant_id, token_id: None where Supabase issued the token, which knows no such thing.
    acr: Supabase's authenticator assurance level, `aal1` or `aal2`. A machine, which is a client that acts for itself,
    has no role and an empty acr; its subject is its client id. jkt:
    thumbprint of the key that has to present the token (RFC 9449)."""

    subject: Subject
    role: Role | None
    resource: ResourceIndicator
    scopes: frozenset[Scope]
    kind: TokenKind
    client_id: ClientId | None
    grant_id: GrantId | None
    token_id: str | None
    issued_at: datetime
    expires_at: datetime
    acr: str
    jkt: str | None = None

    @property
    def is_machine(self) -> bool:
        """Is there no person behind the call? (OAuth 2.1 §4.2)"""
        return self.role is None


class PersonRequired(ToolError):
    """A machine called what only people can use; an assistant is told so."""


_current: ContextVar[Principal] = ContextVar("principal")


def current_principal() -> Principal:
    """The caller of the request that is being served. LookupError outside of one that was authenticated."""
    return _current.get()


def current_person() -> Principal:
    """The same for what only people can use. PersonRequired for a machine."""
    principal = current_principal()
    if principal.is_machine:
        raise PersonRequired("Only people can use this tool: a client that acts for itself has no account.")
    return principal


def set_current_principal(principal: Principal) -> None:
    """For the guard, which authenticates."""
    _current.set(principal)
