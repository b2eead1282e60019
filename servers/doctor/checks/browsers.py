"""Clients in browsers: whether a web page of another origin can read the answers (CORS)."""

from collections.abc import Iterator, Sequence

from servers.doctor.evidence.documents import shown
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.findings import Finding, ok, warning
from servers.doctor.profiles import Profile

_FORBIDDEN = 403


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it, for clients that run in browsers."""
    target = seen.from_browsers.get(seen.target)
    if target is None or target.status == 0:
        return
    names = [profile.name for profile in profiles if profile.runs_in_a_browser]
    if not names:
        yield ok("cors", "None of these clients runs in a browser, so whether web pages can read answers is no matter.")
        return
    wrong = [*_silent(seen, names), *_not_exposed(target, names)]
    if target.status == _FORBIDDEN:
        yield ok("cors", "Web pages of other origins are refused at the MCP endpoint; others are not concerned.")
    elif not wrong:
        yield ok("cors", "Web pages of other origins can read the answers.")
    yield from wrong


def _silent(seen: Observations, names: Sequence[str]) -> Iterator[Finding]:
    answers = [*seen.preflights.items(), *seen.from_browsers.items()]
    silent = dict.fromkeys(shown(url) for url, answer in answers if answer.status and not _is_open(answer))
    if silent:
        yield warning(
            "cors",
            f"Web pages cannot read answers of {', '.join(silent)}.",
            client_does="An older Inspector in direct mode, and any client in a browser, sees a network error, and not "
            "why.",
            mend="Send CORS headers with answers, errors included, and expose WWW-Authenticate and Mcp-Session-Id.",
            clients=names,
        )


def _not_exposed(target: Answer, names: Sequence[str]) -> Iterator[Finding]:
    exposed = target.headers.get("access-control-expose-headers", "").lower()
    if (
        target.status != _FORBIDDEN
        and _is_open(target)
        and "www-authenticate" not in exposed
        and exposed.strip() != "*"
    ):
        yield warning(
            "cors",
            "WWW-Authenticate is not exposed to web pages.",
            client_does="A client in a browser does not see the challenge.",
            mend="Access-Control-Expose-Headers: WWW-Authenticate, Mcp-Session-Id.",
            clients=names,
        )


def _is_open(answer: Answer) -> bool:
    return "access-control-allow-origin" in answer.headers or answer.status == _FORBIDDEN
