"""What each client finds: it looks in its own order, and the first document that is there is the one it goes by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from servers.doctor.evidence.documents import Document, is_url, origin
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.profiles import Profile


@dataclass(frozen=True, slots=True)
class Found:
    """place: by its name, see places."""

    place: str
    answer: Answer
    document: Document


def resource_of(profile: Profile, seen: Observations) -> Found | None:
    """The resource's metadata that this client ends up with."""
    places: Sequence[str] = profile.resource_metadata
    if profile.stops_at_challenge and "challenge" in seen.resource_metadata:
        places = ("challenge",)
    found = list(_found(places, seen.resource_metadata))
    if profile.skips_others:
        own = [each for each in found if accepts(profile, each.document.text("resource"), seen.target)]
        found = own or found
    return found[0] if found else None


def accepts(profile: Profile, named: str | None, target: str) -> bool:
    """Does this client take metadata of the resource that is named for that of the target?"""
    if named == target or named is None:
        return named == target
    if profile.accepts_resource == "exact" or origin(named) != origin(target) or not is_url(named):
        return False
    path, own = urlsplit(named).path, urlsplit(target).path
    if profile.accepts_resource == "origin":
        return not path.strip("/")
    return len(path) <= len(own) and f"{own.rstrip('/')}/".startswith(f"{path.rstrip('/')}/")


def first_server(document: Document) -> object:
    """The first authorization server that a resource names, whatever that is; None where there is no list of them."""
    named = document.members.get("authorization_servers")
    return named[0] if isinstance(named, list) and named else None


def issuer_of(profile: Profile, seen: Observations) -> str:
    """Where this client signs in: what its metadata names first, or else the same origin, as older revisions of MCP
    had it. Empty for a name that is no URL."""
    found = resource_of(profile, seen)
    named = None if found is None else first_server(found.document)
    if named is None:
        return origin(seen.target)
    return named if is_url(named) else ""


def server_of(profile: Profile, seen: Observations) -> Found | None:
    """The authorization server's metadata that this client ends up with."""
    answers = seen.server_metadata.get(issuer_of(profile, seen), {})
    return next(_found(profile.server_metadata, answers), None)


def challenged_scopes(seen: Observations) -> tuple[str, ...]:
    """What clients ask for at first: what the challenge names, or else the resource."""
    return seen.unauthenticated.challenge.scopes or supported_scopes(seen)


def supported_scopes(seen: Observations) -> tuple[str, ...]:
    """What the resource knows, without what only keeps a client connected."""
    documents = (answer.document for answer in seen.resource_metadata.values())
    named = next((each.strings("scopes_supported") for each in documents if each is not None), ())
    return tuple(scope for scope in named if scope != "offline_access")


def _found(places: Iterable[str], answers: dict[str, Answer]) -> Iterator[Found]:
    for place in places:
        document = answers[place].document if place in answers else None
        if document is not None:
            yield Found(place, answers[place], document)
