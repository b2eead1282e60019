"""`--login`: the whole way in, with a person at the browser, and what shows only there."""

import secrets

from servers.doctor.evidence.documents import is_confidential
from servers.doctor.evidence.login_observations import SignedIn
from servers.doctor.evidence.observations import Observations
from servers.doctor.probes import oauth_requests, refresh, tool_calls
from servers.doctor.probes.callback import listening
from servers.doctor.probes.probe import Walker
from servers.doctor.probes.sign_in import Client, Person

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "registration_endpoint")


async def login(seen: Observations, walker: Walker, person: Person) -> SignedIn:
    """Register, sign in, call, step up, refresh, revoke. What is taken is given back with the walker's belongings."""
    held = SignedIn(seen.server)
    endpoint = None if seen.server is None else seen.server.url("registration_endpoint")
    if seen.server is None or endpoint is None:
        return held
    if not all(map(is_confidential, (seen.target, *(seen.server.url(name) for name in _ENDPOINTS)))):
        return held
    async with listening() as callback:
        # A name of its own: who shares a registration cannot remove it.
        scopes = oauth_requests.scopes(seen, seen.server)
        metadata = oauth_requests.metadata(f"mcp-auth doctor {secrets.token_hex(3)}", [callback.uri], scopes)
        held.registration = await walker.belongings.register(endpoint, metadata)
        client_id = held.registration.client_id
        if client_id is None:
            return held
        client = Client(seen.server, seen.target, client_id, callback, walker, person, held)
        tokens = await client.sign_in(scopes)
        if tokens is not None:
            walker.tell("calling, refreshing, revoking")
            refresh_token = await tool_calls.call(client, tokens)
            if refresh_token is not None:
                held.refreshes = await refresh.refresh(client, refresh_token)
    return held
