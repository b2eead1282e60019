"""Discovery: the resource's metadata that each client ends up with, and what it names (RFC 9728, MCP authorization)."""

from collections.abc import Iterator, Sequence

from servers.doctor.evidence import discovery, metadata_locations
from servers.doctor.evidence.discovery import Found
from servers.doctor.evidence.documents import is_here, is_url, shown
from servers.doctor.evidence.observations import Observations
from servers.doctor.findings import Finding, fault, ok, warning
from servers.doctor.profiles import Profile


def check(seen: Observations, profiles: Sequence[Profile]) -> Iterator[Finding]:
    """All of it, for each client by what it finds itself."""
    if not any(answer.status for answer in seen.resource_metadata.values()):
        return
    yield from _challenged(seen)
    reached = set()
    for profile in profiles:
        found = discovery.resource_of(profile, seen)
        if found is None:
            yield _nothing_found(seen, profile)
            continue
        reached.add(found.answer.url)
        yield ok("discovery", f"The resource's metadata is where clients look: {shown(found.answer.url)}.")
        yield _resource(seen, profile, found)
        yield from _servers(seen, profile, found)
    yield from _not_reached(seen, reached)


def _challenged(seen: Observations) -> Iterator[Finding]:
    answer = seen.resource_metadata.get("challenge")
    if answer is not None and answer.status and answer.document is None:
        yield warning(
            "discovery",
            f"The challenge names {shown(answer.url)}, and there is no metadata: {answer.status}.",
            client_does="Some clients look no further, and others guess.",
            mend="Serve the metadata where the challenge says, or name the place where it is.",
            pitfall="P-1",
        )


def _nothing_found(seen: Observations, profile: Profile) -> Finding:
    looked = [
        seen.resource_metadata[place].url for place in profile.resource_metadata if place in seen.resource_metadata
    ]
    if profile.stops_at_challenge and "challenge" in seen.resource_metadata:
        looked = looked[:1]
    locations = metadata_locations.of_resource(seen.target, seen.unauthenticated.challenge)
    return fault(
        "discovery",
        f"There is no metadata of the resource at {' or '.join(dict.fromkeys(map(shown, looked)))}.",
        client_does="It looks for an authorization server at the same origin, as older revisions had it, or gives up.",
        mend=f"Serve it at {locations['path']} and name that in the challenge.",
        clients=[profile.name],
        pitfall="P-1",
    )


def _resource(seen: Observations, profile: Profile, found: Found) -> Finding:
    named = found.document.text("resource")
    if named == seen.target:
        return ok("resource", f"The metadata at {shown(found.answer.url)} is of exactly this resource.")
    if discovery.accepts(profile, named, seen.target):
        return warning(
            "resource",
            f"The metadata at {shown(found.answer.url)} is of {shown(named)}, and the address is {seen.target}.",
            client_does="It takes the one for a part of the other and asks for a token for the wider one; stricter "
            "clients refuse.",
            mend="Name the resource exactly as people type it.",
            clients=[profile.name],
            pitfall="P-5" if _differs_by_slash(named, seen.target) else "P-1",
        )
    if _differs_by_slash(named, seen.target):
        return fault(
            "resource",
            f"The metadata at {shown(found.answer.url)} says resource {named!r}: it differs by a trailing slash.",
            client_does="It refuses it: it compares as strings.",
            mend="Name the resource exactly as people type it, without a trailing slash.",
            clients=[profile.name],
            pitfall="P-5",
        )
    if found.place == "root":
        return fault(
            "resource",
            f"The metadata at the root is of {shown(named)}: one of several resources, and not of this one.",
            client_does="It ends up there, and refuses it or asks for a token for the other resource.",
            mend="Leave the root out, and serve one document for each resource at its own path.",
            clients=[profile.name],
            pitfall="P-6",
        )
    return fault(
        "resource",
        f"The metadata at {shown(found.answer.url)} says resource {shown(named)}, and the address is {seen.target}.",
        client_does="It refuses the metadata, or asks for a token for something else: it signs in and never calls.",
        mend="Set the public URL to the address that people type; build nothing from the Host header.",
        clients=[profile.name],
        pitfall="P-1",
    )


def _not_reached(seen: Observations, reached: set[str]) -> Iterator[Finding]:
    for place, answer in seen.resource_metadata.items():
        document = answer.document
        if document is None or answer.url in reached or document.text("resource") == seen.target:
            continue
        yield warning(
            "resource",
            f"The metadata at {shown(answer.url)} is of {shown(document.text('resource'))}, and not of this resource; "
            "none of these clients gets to it.",
            client_does="One that looks there first asks for a token for the other resource.",
            mend="Serve one document for each resource, at its own path.",
            pitfall="P-6" if place == "root" else "P-1",
        )


def _servers(seen: Observations, profile: Profile, found: Found) -> Iterator[Finding]:
    named = discovery.first_server(found.document)
    if named is None:
        yield fault(
            "authorization_servers",
            f"The metadata at {shown(found.answer.url)} names no authorization server.",
            client_does="It does not know where to sign in, and tries the same origin.",
            mend='Add authorization_servers: ["<issuer>"] (RFC 9728 §2).',
            clients=[profile.name],
            pitfall="P-1",
        )
    elif not is_url(named):
        yield fault(
            "authorization_servers",
            f"The authorization server is named {shown(named)}, which is no URL.",
            client_does="It refuses the metadata.",
            mend="Name the issuer, an absolute https URL.",
            clients=[profile.name],
            pitfall="P-1",
        )
    elif named.startswith("http://") and (seen.target.startswith("https://") or not is_here(named)):
        yield fault(
            "authorization_servers",
            f"The authorization server is named with plain http: {shown(named)}.",
            client_does="It refuses it.",
            mend="Build addresses from the public URL and not from what arrives behind the proxy.",
            clients=[profile.name],
            pitfall="P-18",
        )


def _differs_by_slash(named: str | None, target: str) -> bool:
    return named is not None and named.rstrip("/") == target.rstrip("/")
