"""Finds the client at /authorize and /par, the two endpoints where a client can be new (D-19)."""

from starlette.requests import Request

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import throttle
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.clients import id_url
from oauth.protocol.errors import OAuthError, too_many_requests
from oauth.protocol.models import Client


async def find_client(client_id: ClientId, request: Request, server: AuthorizationServer) -> Client | OAuthError | None:
    """The client of an id; None where it is unknown.

    For an id that is a URL: the client that is published there, or why it is refused."""
    known = await server.store.clients.get(client_id)
    if not id_url.is_url(client_id):
        return known
    if known is None:
        # RFC 7591 §5: a new URL counts as a registration, so that callers cannot make this server fetch without limit.
        wait = await throttle.count_registration(request, server)
        if wait is not None:
            description = "Too many new apps come from this network."
            return too_many_requests(description, ReasonCode.REGISTRATIONS_EXCEEDED, wait.seconds)
    return await server.client_documents.client(client_id)
