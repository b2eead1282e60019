"""The authenticated caller, for both kinds of token."""

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
    """An authenticated caller at one resource: a person, or a machine, which is a client that acts for itself.

    subject: the Supabase user id of a person, the client id of a machine.
    role: None for a machine.
    resource: the audience of the token.
    scopes: what the token grants.
    kind: who issued the token.
    client_id, grant_id, token_id: None for tokens of Supabase, which have no such claims.
    issued_at, expires_at: aware UTC.
    acr: Supabase's authenticator assurance level, `aal1` or `aal2`; empty for a machine.
    jkt: thumbprint of the key that the token is bound to (RFC 9449 §6.1); None for a bearer token."""

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
        """Does the client act for itself, without a person? (OAuth 2.1 §4.2)"""
        return self.role is None


class PersonRequired(ToolError):
    """A machine called a tool that needs a person. As a ToolError, its message reaches the client."""


_current: ContextVar[Principal] = ContextVar("principal")


def current_principal() -> Principal:
    """→ the caller of the current request. Raises LookupError outside an authenticated request."""
    return _current.get()


def current_person() -> Principal:
    """As current_principal, for tools that need a person. Raises PersonRequired for a machine."""
    principal = current_principal()
    if principal.is_machine:
        raise PersonRequired("Only people can use this tool: a client that acts for itself has no account.")
    return principal


def set_current_principal(principal: Principal) -> None:
    """Set the caller of the current request. Only McpGuard calls this, after authentication."""
    _current.set(principal)
