"""Whom a request turned out to be from, for whoever counts requests: a person with their client, not an address that
all users of a hosted assistant share (P-15), nor one of many tokens. It is left in the state of the ASGI scope."""

from collections.abc import MutableMapping
from typing import Any

from oauth.foundation.vocabulary import ClientId, Subject

_BY_CREDENTIAL, _SERVED = "caller", "served"


def name(subject: Subject, client_id: ClientId | None) -> str:
    """The same for all tokens of one person and client."""
    return f"{subject} {client_id or ''}"


def prove(scope: MutableMapping[str, Any], caller: str) -> None:
    """The Authorization header is good, and will prove the same caller again."""
    scope.setdefault("state", {})[_BY_CREDENTIAL] = caller


def serve(scope: MutableMapping[str, Any], caller: str | None) -> None:
    """This request was of that caller; None: of a program of the operator's, which nobody counts."""
    scope.setdefault("state", {})[_SERVED] = caller


def proven(scope: MutableMapping[str, Any]) -> str | None:
    """What `prove` said."""
    found: str | None = scope["state"].get(_BY_CREDENTIAL)
    return found


def was_served(scope: MutableMapping[str, Any]) -> bool:
    """Did anybody say `serve`?"""
    return _SERVED in scope["state"]


def served(scope: MutableMapping[str, Any]) -> str | None:
    """What it said."""
    found: str | None = scope["state"].get(_SERVED)
    return found
