"""Clients: whether they are let in as they come, in time, and from browsers."""

from collections.abc import Iterator, Sequence

from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.observations import Observations, Registration
from servers.doctor.profiles import Profile

_CREATED = (200, 201)
_TOO_MANY, _FORBIDDEN, _OK = 429, 403, 200
_LOOPBACK = "http://"


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    by_name = {profile.name: profile for profile in profiles}
    for name, answer in seen.documents.items():
        if answer.status >= 400:  # noqa: PLR2004
            yield fault(
                "document",
                f"{by_name[name].title} comes with its metadata document, and gets {answer.status}.",
                client_does="It shows that the connection failed; it does not try to register instead.",
                mend="See whether the server can fetch the document: some vendors answer 403 to data centres, so keep "
                "a copy of it.",
                clients=[name],
                pitfall="P-4",
            )
        else:
            yield ok("document", f"{by_name[name].title} is known by its metadata document.")
    for registration in seen.registrations:
        yield from _registration(registration, by_name[registration.profile])
    yield from _time(seen, profiles)
    yield from _limits(seen)
    yield from _browsers(seen, profiles)


def _registration(registration: Registration, profile: Profile) -> Iterator[Finding]:
    answer = registration.answer
    if answer.status not in _CREATED:
        needed = profile.registration == ("dynamic",)
        found = fault if needed else warning
        yield found(
            "registration",
            f"{profile.title} cannot register: {answer.status} {answer.error or answer.problem}.",
            client_does="It shows that the connection failed.",
            mend=f"Accept its redirect URIs: {', '.join(profile.redirect_uris)}.",
            clients=[profile.name],
            pitfall="P-7" if answer.error == "invalid_redirect_uri" else "P-1",
        )
        return
    first, *others = registration.authorized.items()
    if first[1].status >= 400:  # noqa: PLR2004
        yield fault(
            "redirect_uri",
            f"{profile.title} is refused with the redirect URI that it has just registered ({first[0]}).",
            client_does="The person sees an error page.",
            mend="Compare redirect URIs as strings with what was registered.",
            clients=[profile.name],
            pitfall="P-7",
        )
    elif any(each.status >= 400 for _, each in others):  # noqa: PLR2004
        yield fault(
            "loopback_port",
            f"{profile.title} is refused when it listens at another port than it registered.",
            client_does="It listens at a free port each time, so it gets in once and then never again.",
            mend="Let the port of a loopback redirect differ (RFC 8252 §7.3), for localhost too.",
            clients=[profile.name],
            pitfall="P-7",
        )
    else:
        left = "" if registration.removed else " (it could not be removed again)"
        yield ok("registration", f"{profile.title} registers and is let in{left}.")


def _time(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    for answer in seen.answers:
        late = [profile.name for profile in profiles if answer.seconds > profile.seconds]
        if answer.status == 0:
            yield fault(
                "reachable",
                f"{answer.method} {answer.url} was not answered: {answer.problem}.",
                client_does="It gives up.",
                mend="See whether the address is right, and its certificate good for it.",
                pitfall="P-1",
            )
        elif late:
            yield fault(
                "time",
                f"{answer.method} {answer.url} took {answer.seconds:.1f} s.",
                client_does="It gives up after 10 seconds: people sign in and nothing happens.",
                mend="Find out what it waits for; nothing on this way should take a second.",
                clients=late,
                pitfall="P-1",
            )


def _limits(seen: Observations) -> Iterator[Finding]:
    for answer in seen.answers:
        if answer.status == _TOO_MANY:
            found = warning if "retry-after" in answer.headers else fault
            yield found(
                "rate_limit",
                f"{answer.method} {answer.url} was answered with 429 after a few requests.",
                client_does="All users of a hosted assistant share its addresses: they lock each other out.",
                mend="Count by client and user before address, generously, and send Retry-After.",
                pitfall="P-15",
            )
            return


def _browsers(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    names = [profile.name for profile in profiles if profile.runs_in_a_browser]
    target = seen.from_browsers.get(seen.target)
    if target is not None and target.status == _FORBIDDEN:
        yield ok("cors", "Web pages of other origins are refused at the MCP endpoint; others are not concerned.")
    silent = [
        url
        for url, answer in {**seen.preflights, **seen.from_browsers}.items()
        if answer.status and "access-control-allow-origin" not in answer.headers and answer.status != _FORBIDDEN
    ]
    if silent and names:
        yield warning(
            "cors",
            f"Web pages cannot read answers of {', '.join(dict.fromkeys(silent))}.",
            client_does="A client in a browser sees a network error without a reason.",
            mend="Send CORS headers with answers, errors included, and expose WWW-Authenticate and Mcp-Session-Id.",
            clients=names,
        )
    exposed = "" if target is None else target.headers.get("access-control-expose-headers", "").lower()
    if (
        target is not None
        and target.status != _FORBIDDEN
        and not silent
        and "www-authenticate" not in exposed
        and names
    ):
        yield warning(
            "cors",
            "WWW-Authenticate is not exposed to web pages.",
            client_does="A client in a browser does not see the challenge.",
            mend="Access-Control-Expose-Headers: WWW-Authenticate, Mcp-Session-Id.",
            clients=names,
        )
