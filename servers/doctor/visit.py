"""One visit: the walk, the checks, and the report."""

import sys
import webbrowser
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import httpx

from servers.doctor import check_clients, check_resource, check_server, profiles, report
from servers.doctor.findings import Finding, Level
from servers.doctor.login import OpenBrowser, login
from servers.doctor.profiles import Profile
from servers.doctor.walk import USER_AGENT, Tell, Visitor, walk


class Unusable(Exception):
    """The visit cannot be made; one sentence."""


def target_of(url: str) -> str:
    """The URL of an MCP server; of a bare origin, `/mcp`. Unusable for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unusable(
            f"{url} is no web address: give the one that you type into the assistant, such as https://…/mcp."
        )
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/mcp"


def chosen(names: Sequence[str]) -> tuple[Profile, ...]:
    """The profiles of those names; all, if none is named. Unusable for a name that is none."""
    known = profiles.load()
    wanted = {part for name in names for part in name.split(",")}
    unknown = wanted - {profile.name for profile in known}
    if unknown:
        among = ", ".join(profile.name for profile in known)
        raise Unusable(f"There is no client {', '.join(sorted(unknown))}: choose among {among}.")
    return tuple(profile for profile in known if not wanted or profile.name in wanted)


async def visit(
    target: str,
    clients: Sequence[Profile],
    http: httpx.AsyncClient,
    tell: Tell,
    *,
    register: bool = True,
    open_browser: OpenBrowser | None = None,
) -> list[Finding]:
    """What is found, in the order of a client. open_browser: to sign in with; None for not signing in. Unusable when
    nobody answers at the target."""
    visitor = Visitor(http)
    seen = await walk(target, clients, visitor, tell, register=register)
    if seen.unauthenticated.status == 0:
        raise Unusable(f"{target} cannot be reached: {seen.unauthenticated.problem}.")
    findings = _once(check(seen, clients) for check in (check_resource.check, check_server.check, check_clients.check))
    if open_browser is not None:
        findings += await login(seen, visitor, open_browser, tell)
    return findings


async def run(url: str, names: Sequence[str], *, sign_in: bool, register: bool, as_json: bool) -> int:
    """Visit, and write the report to standard output. → the exit status: 1 where something is at fault."""
    target, clients = target_of(url), chosen(names)

    def tell(what: str) -> None:
        if sys.stderr.isatty() or what.startswith("sign in"):
            sys.stderr.write(f"… {what}\n")
            sys.stderr.flush()

    async with httpx.AsyncClient(headers={"User-Agent": USER_AGENT}) as http:
        findings = await visit(
            target, clients, http, tell, register=register, open_browser=webbrowser.open if sign_in else None
        )
    write = report.as_json if as_json else report.text
    sys.stdout.write(write(target, [profile.name for profile in clients], findings))
    return int(any(each.level is Level.FAULT for each in findings))


def _once(checked: Iterable[Iterable[Finding]]) -> list[Finding]:
    """Each finding once; what is said of several clients, together."""
    found: dict[tuple[str, Level, str, str], Finding] = {}
    for findings in checked:
        for each in findings:
            key = (each.check, each.level, each.says, each.mend)
            known = found.get(key)
            clients = each.clients if known is None else (*known.clients, *each.clients)
            found[key] = Finding(
                each.check,
                each.level,
                each.says,
                each.client_does,
                each.mend,
                tuple(dict.fromkeys(clients)),
                each.pitfall,
            )
    return list(found.values())
