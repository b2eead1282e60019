"""Who carries out an operation, and the one place that records what they did (D-29)."""

from dataclasses import dataclass
from enum import StrEnum

import structlog

log = structlog.get_logger()


class ActorKind(StrEnum):
    """What the id of an actor names."""

    COMMAND = "command"  # the login name of the operator at the command line
    CONFIGURATION = "configuration"  # the table of mcp-auth.toml
    ADMINISTRATOR = "administrator"  # the subject of an administrator
    PERSON = "person"  # the subject of a person who acts on their own account
    CLIENT = "client"  # the client_id of a client that acts on its own registration
    SUPABASE = "supabase"  # the URL of the project


@dataclass(frozen=True, slots=True)
class Actor:
    """Who carries out an operation.

    kind: what they act as.
    id: who they are among those of that kind; see ActorKind."""

    kind: ActorKind
    id: str


def record(actor: Actor, event: str, **fields: str | int) -> None:
    """Record what an operation changed. Called once for each, after the change is on disk.

    event: what happened, such as `client_disabled`.
    fields: what it happened to; no secrets."""
    log.info(event, actor_kind=actor.kind.value, actor_id=actor.id, **fields)
