"""The actor of an operation, and the one function that records what an operation did (D-29)."""

from dataclasses import dataclass
from enum import StrEnum

import structlog

log = structlog.get_logger()


class ActorKind(StrEnum):
    """What an actor is. The comments say what its id names."""

    COMMAND = "command"  # the login name of the operator at the command line
    CONFIGURATION = "configuration"  # the table of mcp-auth.toml
    ADMINISTRATOR = "administrator"  # the subject of an administrator
    PERSON = "person"  # the subject of a person who acts on their own account
    CLIENT = "client"  # the client_id of a client that acts on its own registration
    SUPABASE = "supabase"  # the URL of the project


@dataclass(frozen=True, slots=True)
class Actor:
    """Who carries out an operation.

    kind: what the actor is.
    id: which of that kind; see ActorKind."""

    kind: ActorKind
    id: str


def record(actor: Actor, event: str, **fields: str | int) -> None:
    """Record what an operation changed. An operation calls it once, after the change is on disk.

    event: what happened, such as `client_disabled`.
    fields: the client, user or key that changed; no secrets."""
    log.info(event, actor_kind=actor.kind.value, actor_id=actor.id, **fields)
