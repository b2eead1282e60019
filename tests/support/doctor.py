"""The doctor's visits in tests: a world in which every name leads to a public address, and people say yes."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import httpx

from servers.doctor import profiles
from servers.doctor.evidence.observations import Handshake
from servers.doctor.findings import Finding, Level
from servers.doctor.probes.addresses import Resolve
from servers.doctor.probes.sign_in import Person
from servers.doctor.probes.tls import Look
from servers.doctor.profiles import Profile
from servers.doctor.visit import World, visit
from tests.support.browser import NO_TLS

EVERYBODY = profiles.load()
NOW = datetime(2026, 9, 1, tzinfo=UTC)


async def somewhere(_: str) -> Sequence[str]:
    """Far from here."""
    return ("93.184.215.14",)


async def _nothing(_: str) -> Handshake | None:
    return None


def world(
    http: httpx.AsyncClient,
    *,
    resolve: Resolve = somewhere,
    look: Look = _nothing,
    now: datetime = NOW,
    patience: float = 15.0,
) -> World:
    return World(http, now, look, resolve, patience)


def agreeing() -> Person:
    """Who says yes as soon as the page is there."""

    def go(url: str) -> None:
        threading.Thread(target=lambda: httpx.get(url, follow_redirects=True, verify=NO_TLS), daemon=True).start()

    return Person(go)


async def examine(
    target: str,
    clients: Sequence[Profile] = EVERYBODY,
    *,
    register: bool = True,
    person: Person | None = None,
    resolve: Resolve = somewhere,
    tell: Callable[[str], None] = lambda _: None,
    patience: float = 15.0,
) -> list[Finding]:
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        through = world(http, resolve=resolve, patience=patience)
        return await visit(target, clients, through, tell, register=register, person=person)


def at_fault(findings: Sequence[Finding]) -> set[str]:
    """Pitfalls, or checks where there is none, of all that is not as it should be."""
    return {each.pitfall or each.check for each in findings if each.level is not Level.OK}


def of(findings: Sequence[Finding], check: str) -> list[Finding]:
    return [each for each in findings if each.check == check]
