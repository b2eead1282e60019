"""Clients: whether they are let in as they come, by their document or by registering (RFC 7591), and can step up."""

from collections.abc import Iterator, Sequence

from servers.doctor.evidence.documents import Document, shown
from servers.doctor.evidence.observations import Answer, Observations, Registration, StepUp, Visited
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile

_TOO_MANY, _FAILED = 429, 500
_REDIRECT = "invalid_redirect_uri"


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it."""
    by_name = {profile.name: profile for profile in profiles}
    for name, visited in seen.documents.items():
        if visited.is_answered:
            yield _document(visited, by_name[name])
    for registration in seen.registrations:
        # What a limit refuses is told as that.
        if registration.answer.status not in {0, _TOO_MANY}:
            yield from _registration(registration, by_name[registration.profile], seen)
    yield from _piling_up(seen)
    if seen.step_up is not None and seen.step_up.asked_wide.is_answered:
        yield _step_up(seen.step_up)


def _document(visited: Visited, profile: Profile) -> Finding:
    if visited.refusal is None:
        return ok("documents", "Who comes with a metadata document is known by it.", [profile.name])
    return fault(
        "documents",
        f"{profile.title} comes with its metadata document, and gets {shown(visited.refusal)}.",
        client_does="It shows that the connection failed; it does not try to register instead.",
        mend="See whether the server can fetch the document, and keys that it names: some vendors answer 403 to data "
        "centres, so keep a copy.",
        clients=[profile.name],
        pitfall="P-4",
    )


def _registration(registration: Registration, profile: Profile, seen: Observations) -> Iterator[Finding]:
    answer = registration.answer
    if answer.client_id is None:
        # A client with a document that is taken does not come to this.
        spared = profile.name in seen.documents and seen.documents[profile.name].refusal is None
        found = warning if spared else fault
        uris = ", ".join(profile.redirect_uris)
        redirects = answer.error == _REDIRECT
        yield found(
            "registration",
            f"{profile.title} cannot register: {answer.status} {shown(answer.error or answer.problem)}".rstrip() + ".",
            client_does="It shows that the connection failed, where its metadata document is not taken.",
            mend=f"Accept its redirect URIs: {uris}."
            if redirects
            else f"See what is refused in a public client of {uris}.",
            clients=[profile.name],
            pitfall="P-7" if redirects else "P-1",
        )
        return
    if not registration.visits:
        return
    first, *others = registration.visits
    if not all(visited.is_answered for visited in registration.visits):
        return
    if first.refusal is not None:
        yield from _refused(first, profile)
    elif any(visited.refusal is not None for visited in others):
        yield _other_port(profile)
    else:
        left = "" if registration.removed else " The doctor could not remove it again."
        yield ok("registration", f"Who registers is let in.{left}", [profile.name])


def _refused(visited: Visited, profile: Profile) -> Iterator[Finding]:
    status, told = visited.last.status, shown(visited.refusal)
    if visited.is_sent_back:
        yield fault(
            "authorize",
            f"A client asks for the scopes that it registered, and is sent back with {told}.",
            client_does="It shows that the connection failed.",
            mend="Grant what the challenge or the metadata names, or name what can be granted.",
            clients=[profile.name],
            pitfall="P-9" if visited.refusal == "invalid_scope" else "P-1",
        )
    elif status >= _FAILED:
        yield fault(
            "authorize",
            f"A client that has just registered sends a browser to sign in, which gets {told}.",
            client_does="It waits for an answer that does not come; the person sees an error page.",
            mend="Look for the reason in the server's log.",
            clients=[profile.name],
            pitfall="P-1",
        )
    elif status != _TOO_MANY:
        yield fault(
            "redirect_uri",
            f"{profile.title} is refused with the redirect URI that it has just registered "
            f"({visited.redirect_uri}): {told}.",
            client_does="The person sees an error page, or the connection fails.",
            mend="Compare redirect URIs as strings with what was registered.",
            clients=[profile.name],
            pitfall="P-7",
        )


def _other_port(profile: Profile) -> Finding:
    often = profile.port == "free"
    found = fault if often else warning
    return found(
        "loopback_port",
        "A client is refused when it listens at another port than it registered.",
        client_does="It listens at a free port each time, so it gets in once and then never again."
        if often
        else "It has a port of its own, and listens at another one when that is taken.",
        mend="Let the port of a loopback redirect differ (RFC 8252 §7.3): for localhost too, and for clients that do "
        "not say that they are native.",
        clients=[profile.name],
        pitfall="P-7",
    )


def _piling_up(seen: Observations) -> Iterator[Finding]:
    if seen.repeated is None:
        return
    first, second = seen.repeated
    ids = {first.client_id, second.client_id}
    if None in ids or len(ids) == 1 or _expires(first):
        return
    yield warning(
        "piling_up",
        "The same client registers twice and is two clients; neither can be removed, or says when it expires.",
        client_does="Some register at each connection: nobody can tell the dead ones from those in use.",
        mend="Answer the same public metadata with the same client, let registrations that nobody uses expire, or take "
        "client ID metadata documents.",
        pitfall="P-3",
    )


def _expires(registration: Answer) -> bool:
    """No field of RFC 7591 says so of a public client; some servers say it as of a secret, or of the client id."""
    registered = Document(registration.json or {})
    return any(registered.members.get(name) for name in ("client_secret_expires_at", "client_id_expires_at"))


def _step_up(step_up: StepUp) -> Finding:
    narrow, refused = step_up.asked_narrow.refusal, step_up.asked_wide.refusal
    if narrow is None and refused is not None:
        return fault(
            "step_up",
            f"A client that registered for {shown(' '.join(step_up.narrow))} is refused when it asks for "
            f"{shown(' '.join(step_up.wide))}: {shown(refused)}.",
            client_does="It registers for what the challenge names; when a tool needs more, it never gets it.",
            mend="Take the scope of a registration for a default and not for a limit.",
            pitfall="P-9",
        )
    return ok("step_up", "A client may ask for more than it registered for.")
