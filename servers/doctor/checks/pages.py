"""What people are shown at /authorize: pages that say something, and that let a browser go back to the client."""

import re
from collections.abc import Iterator, Sequence

from servers.doctor.evidence import csp as policies
from servers.doctor.evidence.documents import host, shown
from servers.doctor.evidence.observations import Answer, Observations, Visited
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile

_OK = 200
_EVIL = "evil.example"
# A page where people type something is where they sign in; its form seldom leads to the client at once.
_TYPED = re.compile(r"""<input\b[^<>]{0,500}\btype\s*=\s*["']?(password|email|tel|text)\b""", re.IGNORECASE)


def check(seen: Observations, _: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    if seen.authorize_unknown_client is not None:
        yield from _unknown_client(seen.authorize_unknown_client)
    visits = [(each.profile, visited) for each in seen.registrations for visited in each.visits[:1]]
    visits += list(seen.documents.items())
    pages = [(name, visited) for name, visited in visits if visited.refusal is None and _is_page(visited.last)]
    blocked = [(name, visited) for name, visited in pages if _blocks(visited)]
    for name, visited in blocked:
        yield warning(
            "form_action",
            f"The page at {shown(visited.last.url)} has a Content-Security-Policy whose form-action leaves out "
            f"{_redirect(visited)}.",
            client_does="It waits: Chromium does not follow the redirect to it that comes after the consent form.",
            mend="Leave form-action out on the page whose form ends at the client.",
            clients=[name],
            pitfall="P-14",
        )
    if pages and not blocked:
        yield ok("form_action", "No page that was seen keeps a browser from going back to the client.")


def _unknown_client(answer: Answer) -> Iterator[Finding]:
    if host(answer.location or "") == _EVIL:
        yield fault(
            "open_redirect",
            "The authorization endpoint redirects to an address that nobody registered.",
            client_does="Nothing; but anybody can send people, and codes, anywhere through it.",
            mend="Show a page instead of redirecting until client and redirect URI are proven.",
        )
    elif answer.status and answer.location is None and not answer.text.strip():
        yield warning(
            "dead_client_page",
            "A browser with an unknown client gets an empty page.",
            client_does="It waits for an answer; the person does not know what to do.",
            mend="Say on the page that the app has to be removed and added again.",
            pitfall="P-13",
        )


def _is_page(answer: Answer) -> bool:
    return answer.status == _OK and "html" in answer.headers.get("content-type", "")


def _blocks(visited: Visited) -> bool:
    page = visited.last
    if _TYPED.search(page.text):
        return False
    stated = [page.headers.get("content-security-policy", ""), *policies.in_page(page.text)]
    return not all(policies.lets_forms_end_at(visited.redirect_uri, each, page.url) for each in stated)


def _redirect(visited: Visited) -> str:
    return policies.origin_or_scheme(visited.redirect_uri)
