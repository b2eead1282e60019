"""What a check finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """A fault keeps somebody out; a warning may."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """check: its name. says: what was seen. client_does: what a client makes of it. mend: what to change. clients:
    names of the profiles that it concerns; empty for all. pitfall: the known trouble that it is."""

    check: str
    level: Level
    says: str
    client_does: str = ""
    mend: str = ""
    clients: tuple[str, ...] = ()
    pitfall: str = ""


def ok(check: str, says: str, clients: Iterable[str] = ()) -> Finding:
    """As it should be."""
    return Finding(check, Level.OK, says, clients=tuple(clients))


def fault(
    check: str, says: str, *, client_does: str, mend: str, clients: Iterable[str] = (), pitfall: str = ""
) -> Finding:
    """Somebody does not get in."""
    return Finding(check, Level.FAULT, says, client_does, mend, tuple(clients), pitfall)


def warning(
    check: str, says: str, *, client_does: str, mend: str, clients: Iterable[str] = (), pitfall: str = ""
) -> Finding:
    """Somebody may not."""
    return Finding(check, Level.WARNING, says, client_does, mend, tuple(clients), pitfall)
