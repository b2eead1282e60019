"""Scopes: how they are written, and what may be granted of what was asked (RFC 6749 §3.3)."""

import re

from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import OFFLINE_ACCESS, Scope
from oauth.protocol.errors import OAuthError, invalid_scope
from oauth.protocol.resources import Resource, Resources, effective_scopes

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_TOKENS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")


def parse(text: str) -> frozenset[Scope] | OAuthError:
    """`a b c` → a set."""
    if not _TOKENS.fullmatch(text):
        return invalid_scope("scope is malformed.", reason=ReasonCode.SCOPE_MALFORMED)
    return frozenset(map(Scope, text.split(" ")))


def to_text(scopes: frozenset[Scope]) -> str:
    """A set → `a b c`, in one order for all, so that equal scopes are equal strings."""
    return " ".join(sorted(scopes))


def grantable(
    requested: str | None, registered: frozenset[Scope], resource: Resource, resources: Resources
) -> frozenset[Scope] | OAuthError:
    """What a person can be asked to agree to.

    requested: the parameter as sent. registered: the client's default, never a ceiling (D-19).
    A scope that no resource knows is refused. One that belongs to another resource is left out, because clients
    ask for everything in `scopes_supported`; if nothing is left, that is `invalid_scope`."""
    asked = parse(requested) if requested is not None else registered
    if isinstance(asked, OAuthError):
        return asked
    if asked - resources.scopes:
        return invalid_scope("A requested scope does not exist here.")
    here = asked & (resource.scopes.keys() | {OFFLINE_ACCESS})
    if here - {OFFLINE_ACCESS}:
        return here
    if requested is not None and asked - {OFFLINE_ACCESS}:
        return invalid_scope("None of the requested scopes belongs to the resource.", reason=ReasonCode.FOREIGN_SCOPE)
    return here | resource.baseline


def narrow(requested: str | None, granted: frozenset[Scope]) -> frozenset[Scope] | OAuthError:
    """The scope of one refreshed access token: what was granted, or less (OAuth 2.1 §4.3.1)."""
    if requested is None:
        return granted
    asked = parse(requested)
    if isinstance(asked, OAuthError):
        return asked
    if not asked <= effective_scopes(granted):
        return invalid_scope(
            "A refreshed token cannot have more scope than was granted.", reason=ReasonCode.SCOPE_WIDENED
        )
    return asked
