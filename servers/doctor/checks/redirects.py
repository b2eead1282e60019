"""Redirects (P-18): where a request is sent elsewhere, it loses what it carried, or ends in plain http."""

from collections.abc import Iterator, Sequence
from urllib.parse import urljoin

from servers.doctor.evidence.documents import origin, shown
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile

_KEEP_METHOD = (307, 308)


def check(seen: Observations, _: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    if seen.unauthenticated.status == 0:
        return
    found = [*_target(seen), *_slash(seen), *_metadata(seen), *_token_endpoint(seen)]
    yield from found or [ok("redirects", "Nothing on the way is redirected: endpoint, metadata, token endpoint.")]


def _target(seen: Observations) -> Iterator[Finding]:
    answer = seen.unauthenticated
    if answer.location is None:
        return
    # What stays within the origin and keeps the method arrives with most clients.
    found = warning if _is_gentle(answer) else fault
    yield found(
        "redirects",
        f"The server answers {answer.status} and sends clients to {_where(answer)}.",
        client_does=f"It {_loss(answer)}, or gives up.",
        mend="Serve the MCP endpoint at the address that people type, without a redirect.",
        pitfall="P-18",
    )


def _slash(seen: Observations) -> Iterator[Finding]:
    answer = seen.other_slash
    if answer.location is not None:
        yield warning(
            "redirects",
            f"{shown(answer.url)} is redirected to {_where(answer)}.",
            client_does=f"A client that was given this spelling {_loss(answer)}.",
            mend="Serve both spellings, or neither by a redirect.",
            pitfall="P-18",
        )


def _metadata(seen: Observations) -> Iterator[Finding]:
    of_servers = [answer for places in seen.server_metadata.values() for answer in places.values()]
    for answer in [*seen.resource_metadata.values(), *of_servers]:
        if answer.document is None or not answer.moved_to:
            continue
        downgraded = answer.moved_to.startswith("http://") and answer.url.startswith("https://")
        found = fault if downgraded else warning
        yield found(
            "redirects",
            f"The metadata at {shown(answer.url)} is redirected to {shown(answer.moved_to)}.",
            client_does="Some clients follow no redirect of metadata, or none to another host; they find nothing.",
            mend="Serve the metadata where clients look for it.",
            pitfall="P-18" if downgraded else "P-1",
        )


def _token_endpoint(seen: Observations) -> Iterator[Finding]:
    answer = seen.token_of_unknown_client
    if answer is not None and answer.location is not None:
        yield fault(
            "redirects",
            f"The token endpoint redirects to {_where(answer)}.",
            client_does="It posts its code to somebody else, or gives up: it signs in and never calls.",
            mend="Answer at the address in the metadata.",
            pitfall="P-1",
        )


def _loss(answer: Answer) -> str:
    if _target_of(answer).startswith("http://") and answer.url.startswith("https://"):
        return "drops the Authorization header on the way, which leads over plain http"
    if answer.status not in _KEEP_METHOD:
        return "makes a GET of its POST"
    if origin(_target_of(answer)) != origin(answer.url):
        return "drops the Authorization header on the way to another host"
    return "may drop the Authorization header on the way"


def _is_gentle(answer: Answer) -> bool:
    return answer.status in _KEEP_METHOD and origin(_target_of(answer)) == origin(answer.url)


def _where(answer: Answer) -> str:
    return shown(_target_of(answer))


def _target_of(answer: Answer) -> str:
    try:
        return urljoin(answer.url, answer.location or "")
    except ValueError:
        return answer.location or ""
