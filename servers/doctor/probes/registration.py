"""Registrations of the walk: each client's own, one that is repeated, and one that wants more than it asked for."""

from collections.abc import Callable, Sequence

from servers.doctor.evidence import discovery
from servers.doctor.evidence.documents import Document
from servers.doctor.evidence.observations import Observations, Registration, StepUp, Visited
from servers.doctor.probes import oauth_requests
from servers.doctor.probes.cleanup import Belongings
from servers.doctor.probes.http_client import Visitor
from servers.doctor.profiles import Profile

_LOOPBACK = "http://127.0.0.1:33418/callback"


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
    server = seen.server or Document({})
    endpoint = server.url("registration_endpoint")
    if endpoint is not None:
        tell("stepping up")
        await _step_up(seen, server, endpoint, f"Step-up (mcp-auth doctor {visit})", visitor, belongings)


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
    scopes = oauth_requests.scopes(seen, server)
    metadata = oauth_requests.metadata(named, profile.redirect_uris, scopes, profile.application_type)
    answer = await belongings.register(endpoint, metadata)
    client_id = answer.client_id
    if client_id is None:
        seen.registrations.append(Registration(profile.name, answer))
        return
    first = profile.redirect_uris[0]
    uris = [first, *([oauth_requests.at_other_port(first)] if profile.port != "fixed" else [])]
    if server.url("authorization_endpoint") is None:
        uris = []
    visits = [await _asked(seen, server, client_id, uri, scopes, visitor) for uri in uris]
    removed = await belongings.remove(answer)
    if seen.repeated is None and not removed:
        # Only where the first one stays behind anyway: at a server that answers with the first one again, the
        # repetition would take away the right to remove it.
        seen.repeated = (answer, await belongings.register(endpoint, metadata))
    seen.registrations.append(Registration(profile.name, answer, visits, removed))


async def _step_up(
    seen: Observations, server: Document, endpoint: str, named: str, visitor: Visitor, belongings: Belongings
) -> None:
    """P-9, F-25: a client registers for what the challenge names, and later wants all that the resource has."""
    narrow, wide = seen.unauthenticated.challenge.scopes, discovery.supported_scopes(seen)
    if not narrow or not set(wide) - set(narrow) or server.url("authorization_endpoint") is None:
        return
    wide = (*narrow, *(scope for scope in wide if scope not in narrow))
    answer = await belongings.register(endpoint, oauth_requests.metadata(named, [_LOOPBACK], narrow))
    client_id = answer.client_id
    if client_id is not None:
        seen.step_up = StepUp(
            narrow,
            wide,
            await _asked(seen, server, client_id, _LOOPBACK, narrow, visitor),
            await _asked(seen, server, client_id, _LOOPBACK, wide, visitor),
        )
        await belongings.remove(answer)


async def _asked(
    seen: Observations, server: Document, client_id: str, redirect_uri: str, scopes: Sequence[str], visitor: Visitor
) -> Visited:
    url = oauth_requests.authorization(server, seen.target, client_id, redirect_uri, scopes)
    return await visitor.browse(url, redirect_uri)
