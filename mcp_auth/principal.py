"""The caller, whichever kind of token said so."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from oauth.vocabulary import ClientId, GrantId, ResourceIndicator, Role, Scope, Subject


class TokenKind(StrEnum):
    """Who issued the token: this authorization server, or Supabase Auth."""

    FIRST_PARTY = "first_party"
    SUPABASE = "supabase"


@dataclass(frozen=True, slots=True)
class Principal:
    """A proven caller at one resource.

    client_id, grant_id, token_id: None where Supabase issued the token, which knows no such thing.
    acr: Supabase's authenticator assurance level, `aal1` or `aal2`."""

    subject: Subject
    role: Role
    resource: ResourceIndicator
    scopes: frozenset[Scope]
    kind: TokenKind
    client_id: ClientId | None
    grant_id: GrantId | None
    token_id: str | None
    issued_at: datetime
    expires_at: datetime
    acr: str


_current: ContextVar[Principal] = ContextVar("principal")


def current_principal() -> Principal:
    """The caller of the request that is being served. LookupError outside of one that was authenticated."""
    return _current.get()


def set_current_principal(principal: Principal) -> None:
    """For the guard, which authenticates."""
    _current.set(principal)
