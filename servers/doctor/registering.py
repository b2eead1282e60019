"""Registrations of the walk, as each client makes its own."""

from collections.abc import Callable, Sequence

from servers.doctor import discovery, requests
from servers.doctor.asking import Visitor
from servers.doctor.belongings import Belongings
from servers.doctor.documents import Document
from servers.doctor.observations import Observations, Registration, Visited
from servers.doctor.profiles import Profile


async def register_all(
    seen: Observations,
    profiles: Sequence[Profile],
    visitor: Visitor,
    belongings: Belongings,
    tell: Callable[[str], None],
    visit: str,
) -> None:
    """visit: a name of this visit. A server may answer the same metadata with the same registration, which then nobody
    can remove: so no two visits, and no two clients of one, register the same."""
    for profile in profiles:
        found = discovery.server_of(profile, seen)
        endpoint = None if found is None else found.document.url("registration_endpoint")
        if found is not None and endpoint is not None and "dynamic" in profile.registration:
            tell(f"registering as {profile.title} does")
            named = f"{profile.title} (mcp-auth doctor {visit})"
            await _as_client(seen, profile, found.document, endpoint, named, visitor, belongings)


async def _as_client(
    seen: Observations,
    profile: Profile,
    server: Document,
    endpoint: str,
    named: str,
    visitor: Visitor,
    belongings: Belongings,
) -> None:
    # As they do: a server may take what was registered for all that can be asked for.
    scopes = requests.scopes(seen, server)
    metadata = requests.metadata(named, profile.redirect_uris, scopes, profile.application_type)
    answer = await belongings.register(endpoint, metadata)
    client_id = answer.client_id
    if client_id is None:
        seen.registrations.append(Registration(profile.name, answer))
        return
    first = profile.redirect_uris[0]
    uris = [first, *([requests.at_other_port(first)] if profile.port != "fixed" else [])]
    if server.url("authorization_endpoint") is None:
        uris = []
    visits = [await _asked(seen, server, client_id, uri, scopes, visitor) for uri in uris]
    removed = await belongings.remove(answer)
    seen.registrations.append(Registration(profile.name, answer, visits, removed))


async def _asked(
    seen: Observations, server: Document, client_id: str, redirect_uri: str, scopes: Sequence[str], visitor: Visitor
) -> Visited:
    url = requests.authorization(server, seen.target, client_id, redirect_uri, scopes)
    return await visitor.browse(url, redirect_uri)
