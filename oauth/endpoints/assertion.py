"""A client's signed assertion counts once, over all nodes (RFC 7523 §3, item 7)."""

from dataclasses import replace

from oauth import client_assertion
from oauth.authorization_server import AuthorizationServer
from oauth.client_authentication import PresentedClient
from oauth.errors import OAuthError, invalid_client


async def checked(presented: PresentedClient, server: AuthorizationServer) -> PresentedClient | OAuthError:
    """The same, with its assertion checked where it has one."""
    if presented.assertion is None:
        return presented
    now = server.clock()
    client = await server.store.client(presented.client_id)
    known = client_assertion.check(presented.assertion, client, server.settings.issuer, now)
    if isinstance(known, OAuthError):
        return known
    counted = await server.store.add_attempts({known: 1}, now + client_assertion.REMEMBERED)
    if counted[known] > 1:
        return invalid_client("Client authentication failed.", reason="client_assertion_replayed")
    return replace(presented, assertion_holds=True)
