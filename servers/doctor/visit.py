"""One visit: the walk, the checks, and the report."""

import sys
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from servers.doctor import profiles, report
from servers.doctor.checks import answers, browsers, calls, challenge, discovery, endpoints, pages, redirects, server
from servers.doctor.checks import login as check_login
from servers.doctor.checks import registration as check_registration
from servers.doctor.checks import tls as check_tls
from servers.doctor.evidence.documents import host, is_url
from servers.doctor.evidence.login_observations import SignedIn
from servers.doctor.evidence.observations import Observations
from servers.doctor.findings import Finding, Level
from servers.doctor.probes import tls
from servers.doctor.probes.addresses import Names, Reach, Resolve, reach, resolve
from servers.doctor.probes.cleanup import Belongings
from servers.doctor.probes.http_client import PATIENCE, USER_AGENT, Visitor
from servers.doctor.probes.login import login
from servers.doctor.probes.probe import Tell, Walker, walk
from servers.doctor.probes.sign_in import Person
from servers.doctor.probes.tls import Look
from servers.doctor.profiles import Profile

_BEFORE = (
    check_tls,
    redirects,
    challenge,
    discovery,
    server,
    endpoints,
    check_registration,
    pages,
    browsers,
)


class Unusable(Exception):
    """The visit cannot be made; one sentence."""


@dataclass(frozen=True, slots=True)
class World:
    """What a visit sees the world through. look: at TLS. now: aware UTC. patience: seconds for an answer."""

    http: httpx.AsyncClient
    now: datetime
    look: Look
    resolve: Resolve = resolve
    patience: float = PATIENCE


def target_of(url: str) -> str:
    """The URL of an MCP server; of a bare origin, `/mcp`. Unusable for anything else."""
    if not is_url(url):
        raise Unusable(
            f"{url} is no web address: give the one that you type into the assistant, such as https://…/mcp."
        )
    parts = urlsplit(url)
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/mcp"


def chosen(names: Sequence[str]) -> tuple[Profile, ...]:
    """The profiles of those names; all, if none is named. Unusable for a name that is none."""
    known = profiles.load()
    wanted = {part.strip() for name in names for part in name.split(",")} - {""}
    unknown = wanted - {profile.name for profile in known}
    if unknown:
        among = ", ".join(profile.name for profile in known)
        raise Unusable(f"There is no client {', '.join(sorted(unknown))}: choose among {among}.")
    return tuple(profile for profile in known if not wanted or profile.name in wanted)


async def visit(
    target: str,
    clients: Sequence[Profile],
    world: World,
    tell: Tell,
    *,
    register: bool = True,
    person: Person | None = None,
) -> list[Finding]:
    """What is found, in the order of a client. person: who signs in; None for not signing in. Whatever was made at the
    server is taken back, also when the visit is broken off. Unusable when nobody answers at the target."""
    names = Names(world.resolve)
    near = reach(await names.addresses(host(target))) in {Reach.THIS_MACHINE, Reach.THIS_NETWORK}
    visitor = Visitor(world.http, names, near=near, patience=world.patience)
    belongings = Belongings(visitor)
    walker = Walker(visitor, belongings, names, world.look, world.now, tell)
    held = None
    try:
        seen = await walk(target, clients, walker, register=register)
        if seen.answers and seen.unauthenticated.status == 0:
            raise Unusable(f"{target} cannot be reached: {seen.unauthenticated.problem}.")
        if person is not None and seen.answers:
            held = await login(seen, walker, person)
    finally:
        await belongings.give_back()
    return [_discreet(each, visitor) for each in _once(_checked(seen, held, clients))]


def _checked(seen: Observations, held: SignedIn | None, clients: Sequence[Profile]) -> Iterator[Finding]:
    for each in _BEFORE:
        yield from each.check(seen, clients)
    if held is not None:
        yield from check_login.check(held, seen.target)
        yield from calls.check(held, clients)
    yield from answers.check(seen, clients)


async def run(url: str, names: Sequence[str], now: datetime, *, sign_in: bool, register: bool, as_json: bool) -> int:
    """Visit, and write the report to standard output. → the exit status: 1 where something is at fault."""
    target, clients = target_of(url), chosen(names)

    def tell(what: str) -> None:
        if sys.stderr.isatty() or what.startswith("sign in"):
            sys.stderr.write(f"… {what}\n")
            sys.stderr.flush()

    trust = tls.trust()
    async with httpx.AsyncClient(headers={"User-Agent": USER_AGENT}, verify=trust) as http:
        person = Person(webbrowser.open) if sign_in else None
        findings = await visit(
            target, clients, World(http, now, tls.looking(trust)), tell, register=register, person=person
        )
    write = report.as_json if as_json else report.text
    sys.stdout.write(write(target, [profile.name for profile in clients], findings))
    return int(any(each.level is Level.FAULT for each in findings))


def _once(checked: Iterable[Finding]) -> list[Finding]:
    """Each finding once; what is said of several clients, together."""
    found: dict[tuple[str, Level, str, str], Finding] = {}
    for each in checked:
        key = (each.check, each.level, each.says, each.mend)
        known = found.get(key)
        clients = each.clients if known is None else (*known.clients, *each.clients)
        found[key] = replace(each, clients=tuple(dict.fromkeys(clients)))
    return list(found.values())


def _discreet(finding: Finding, visitor: Visitor) -> Finding:
    """Without anything that the doctor got to see and should not tell, whoever put it there."""
    out_of = visitor.withheld.out_of
    return replace(
        finding, says=out_of(finding.says), client_does=out_of(finding.client_does), mend=out_of(finding.mend)
    )
