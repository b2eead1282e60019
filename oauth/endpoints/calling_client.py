"""The client that sends a form to one of the endpoints for programs, and how it proves itself (OAuth 2.1 §2.4)."""

from dataclasses import replace

from starlette.requests import Request

from oauth import client_assertion, client_authentication
from oauth.authorization_server import AuthorizationServer
from oauth.client_authentication import PresentedClient
from oauth.endpoints.body import read_form
from oauth.errors import OAuthError, invalid_client
from oauth.models import Client
from oauth.parameters import Parameters


async def presented(request: Request, server: AuthorizationServer) -> tuple[Parameters, PresentedClient] | OAuthError:
    """The form, and who the caller says it is; proven is a signed assertion alone, where there is one."""
    params = await read_form(request)
    if isinstance(params, OAuthError):
        return params
    caller = client_authentication.parse(params, request.headers.get("authorization"))
    if isinstance(caller, OAuthError):
        return caller
    checked = await _with_assertion_checked(caller, server)
    return checked if isinstance(checked, OAuthError) else (params, checked)


async def authenticated(request: Request, server: AuthorizationServer) -> tuple[Parameters, Client] | OAuthError:
    """The form, and the client that the caller has proven to be."""
    found = await presented(request, server)
    if isinstance(found, OAuthError):
        return found
    params, caller = found
    client = client_authentication.authenticate(await server.store.client(caller.client_id), caller)
    return client if isinstance(client, OAuthError) else (params, client)


async def _with_assertion_checked(caller: PresentedClient, server: AuthorizationServer) -> PresentedClient | OAuthError:
    """An assertion counts once, over all nodes (RFC 7523 §3, item 7)."""
    if caller.assertion is None:
        return caller
    now = server.clock()
    client = await server.store.client(caller.client_id)
    known = client_assertion.check(caller.assertion, client, server.settings.issuer, now)
    if isinstance(known, OAuthError):
        return known
    counted = await server.store.add_attempts({known: 1}, now + client_assertion.REMEMBERED)
    if counted[known] > 1:
        return invalid_client("Client authentication failed.", reason="client_assertion_replayed")
    return replace(caller, assertion_holds=True)
