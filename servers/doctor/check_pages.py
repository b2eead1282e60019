"""What people are shown at /authorize."""

from collections.abc import Iterator, Sequence

from servers.doctor.documents import host
from servers.doctor.findings import Finding, fault, warning
from servers.doctor.observations import Answer, Observations
from servers.doctor.profiles import Profile

_EVIL = "evil.example"


def check(seen: Observations, _: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    if seen.authorize_unknown_client is not None:
        yield from _unknown_client(seen.authorize_unknown_client)


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
