"""The client that begins to connect, at /authorize or at /par: the two places where one can be new (D-19)."""

from starlette.requests import Request

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import throttle
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.clients import id_url
from oauth.protocol.errors import OAuthError, too_many_requests
from oauth.protocol.models import Client


async def find(client_id: ClientId, request: Request, server: AuthorizationServer) -> Client | OAuthError | None:
    """The client of an id, or None; of one that is a URL, what is published there, or why that does not count."""
    known = await server.store.clients.get(client_id)
    if not id_url.is_url(client_id):
        return known
    if known is None:
        # Somebody new, as if they registered: nobody makes us fetch without end (STD-133).
        wait = await throttle.count_registration(request, server)
        if wait is not None:
            meaning = "Too many new apps come from this network."
            return too_many_requests(meaning, ReasonCode.REGISTRATIONS_EXCEEDED, wait.seconds)
    return await server.client_documents.client(client_id)
