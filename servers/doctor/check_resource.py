"""The resource: how it turns a stranger away, and what its metadata says (RFC 9728, MCP authorization)."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from servers.doctor import places
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.observations import Answer, Observations, origin
from servers.doctor.profiles import Profile

_OK, _UNAUTHORIZED = 200, 401
_LOGIN_LOOP = "It never learns where to sign in, or asks again and again."


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it, in the order of a client."""
    yield from _transport(seen)
    yield from _challenge(seen)
    yield from _bad_token(seen)
    yield from _slash(seen)
    yield from _metadata(seen, profiles)


def _transport(seen: Observations) -> Iterator[Finding]:
    parts = urlsplit(seen.target)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        yield fault(
            "https",
            "The address is plain http.",
            client_does="Hosted clients refuse it; others send tokens that anybody on the way can read.",
            mend="Serve it over https, and let the metadata say https.",
        )
    location = seen.unauthenticated.location
    if location is not None:
        downgraded = location.startswith("http://") and seen.target.startswith("https://")
        yield fault(
            "redirect",
            f"The server answers {seen.unauthenticated.status} and sends clients to {location}.",
            client_does="It drops the Authorization header on the way"
            + (", which leads over plain http" if downgraded else "")
            + ", or gives up.",
            mend="Serve the MCP endpoint at the address that people type, without a redirect.",
            pitfall="P-18",
        )


def _challenge(seen: Observations) -> Iterator[Finding]:
    answer = seen.unauthenticated
    if answer.location is not None:
        return
    header = answer.headers.get("www-authenticate", "")
    if answer.status == _OK:
        yield fault(
            "challenge",
            "A request without a token is served.",
            client_does="It believes that no sign-in is needed, and never offers one.",
            mend="Answer 401 with WWW-Authenticate: Bearer resource_metadata=… unless everything is for everybody.",
            pitfall="P-10",
        )
    elif answer.status != _UNAUTHORIZED:
        yield fault(
            "challenge",
            f"A request without a token gets {answer.status} and not 401.",
            client_does=_LOGIN_LOOP,
            mend="Answer 401 with WWW-Authenticate: Bearer resource_metadata=….",
            pitfall="P-1",
        )
    elif "resource_metadata=" not in header:
        yield warning(
            "challenge",
            "The 401 does not say where the resource's metadata is.",
            client_does="It guesses the address, and some clients do not.",
            mend='Add resource_metadata="…" to WWW-Authenticate (RFC 9728 §5.1).',
            pitfall="P-1",
        )
    elif "scope=" not in header and not (seen.resource or {}).get("scopes_supported"):
        yield warning(
            "challenge",
            "Neither the challenge nor the metadata names a scope.",
            client_does="It asks for nothing, or for everything, and steps up at each tool.",
            mend="Name the scopes that a first connection needs in the challenge.",
            pitfall="P-9",
        )
    else:
        yield ok("challenge", "A request without a token gets 401, and is told where the metadata is.")


def _bad_token(seen: Observations) -> Iterator[Finding]:
    answer = seen.bad_token
    if answer.status == _OK:
        yield fault(
            "bad_token",
            "A token that is no good is served as if there were none.",
            client_does="It never learns that its token has expired, so it never refreshes: people see less every day.",
            mend='Answer 401 with error="invalid_token".',
            pitfall="P-10",
        )
    elif answer.status == _UNAUTHORIZED and "invalid_token" in answer.headers.get("www-authenticate", ""):
        yield ok("bad_token", "A token that is no good gets 401 invalid_token.")
    elif answer.location is None:
        yield warning(
            "bad_token",
            f"A token that is no good gets {answer.status}, without error=invalid_token in WWW-Authenticate.",
            client_does="Some clients do not refresh then.",
            mend='Answer 401 with WWW-Authenticate: Bearer error="invalid_token", ….',
            pitfall="P-16",
        )


def _slash(seen: Observations) -> Iterator[Finding]:
    location = seen.other_slash.location
    if location is not None:
        yield fault(
            "slash",
            f"{seen.other_slash.url} is redirected to {location}.",
            client_does="A client that was given this spelling loses its Authorization header on the way.",
            mend="Serve both spellings, or neither by a redirect.",
            pitfall="P-18",
        )


def _metadata(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    found = {place: answer for place, answer in seen.resource_metadata.items() if answer.json and answer.status == _OK}
    for profile in profiles:
        if not any(place in found for place in profile.resource_metadata):
            yield fault(
                "resource_metadata",
                f"There is no resource metadata where {profile.title} looks: {', '.join(profile.resource_metadata)}.",
                client_does="It gives up, or takes the server for one without sign-in.",
                mend=f"Serve it at {places.of_resource(seen.target, '')['path']} and name that in the challenge.",
                clients=[profile.name],
                pitfall="P-1",
            )
    for place, answer in found.items():
        yield from _resource(seen, place, answer)
    if found:
        yield from _servers(seen)


def _resource(seen: Observations, place: str, answer: Answer) -> Iterator[Finding]:
    named = (answer.json or {}).get("resource")
    check = f"resource_{place}"
    if named == seen.target:
        yield ok(check, f"The metadata at {answer.url} is of exactly this resource.")
    elif place == "root":
        yield fault(
            check,
            f"The metadata at the root is of {named}: one of several resources, and not of this one.",
            client_does="A client that looks there first asks for a token for the other resource.",
            mend="Leave the root out, and serve one document for each resource at its own path.",
            pitfall="P-6",
        )
    elif isinstance(named, str) and named.rstrip("/") == seen.target.rstrip("/"):
        yield fault(
            check,
            f"The metadata says resource {named!r}: it differs by a trailing slash.",
            client_does="Strict clients refuse it: they compare as strings.",
            mend="Name the resource exactly as people type it, without a trailing slash.",
            pitfall="P-5",
        )
    else:
        yield fault(
            check,
            f"The metadata says resource {named!r}, and the address is {seen.target!r}.",
            client_does="It refuses the metadata, or asks for a token for something else: it signs in and never calls.",
            mend="Set the public URL to the address that people type; build nothing from the Host header.",
            pitfall="P-1",
        )


def _servers(seen: Observations) -> Iterator[Finding]:
    if seen.issuer is None:
        yield fault(
            "authorization_servers",
            "The resource's metadata names no authorization server.",
            client_does="It does not know where to sign in.",
            mend='Add authorization_servers: ["<issuer>"] (RFC 9728 §2).',
            pitfall="P-1",
        )
    elif origin(seen.issuer).startswith("http://") and seen.target.startswith("https://"):
        yield fault(
            "authorization_servers",
            f"The authorization server is named with plain http: {seen.issuer}.",
            client_does="It refuses it.",
            mend="Build addresses from the public URL and not from what arrives behind the proxy.",
            pitfall="P-18",
        )
