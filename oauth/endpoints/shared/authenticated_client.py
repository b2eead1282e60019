"""Authenticates the client that sends a form to an endpoint for programs (OAuth 2.1 §2.4)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from starlette.requests import Request

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import throttle
from oauth.endpoints.shared.body import read_form
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol.clients import assertion as client_assertion
from oauth.protocol.clients import authentication as client_authentication
from oauth.protocol.clients.authentication import TWO_WAYS, PresentedClient
from oauth.protocol.errors import OAuthError, invalid_client, temporarily_unavailable, too_many_requests
from oauth.protocol.models import Client
from oauth.protocol.parameters import Parameters

# Looks a client up. → the client; None where the id is unknown, an error where the id is refused.
FindClient = Callable[[ClientId], Awaitable[Client | OAuthError | None]]


async def read_presented_client(
    request: Request, server: AuthorizationServer, find: FindClient | None = None
) -> tuple[Parameters, PresentedClient] | OAuthError:
    """The form, and the client that the caller claims to be. A secret or signed assertion is checked already.

    find: looks the client up; by default in the store."""
    params = await read_form(request)
    if isinstance(params, OAuthError):
        return params
    sent = request.headers.getlist("authorization")
    # OAuth 2.1 §2.4: one authentication method per request. With two headers, a proxy may have read the other one.
    caller = TWO_WAYS if len(sent) > 1 else client_authentication.parse(params, next(iter(sent), None))
    if isinstance(caller, OAuthError):
        return caller
    find = find or server.store.clients.get
    if caller.secret is not None:
        checked = await _check_secret(caller, caller.secret, request, server, find)
    else:
        checked = await _check_assertion(caller, server, find)
    return checked if isinstance(checked, OAuthError) else (params, checked)


async def authenticate_client(
    request: Request, server: AuthorizationServer, find: FindClient | None = None
) -> tuple[Parameters, Client] | OAuthError:
    """The form, and the authenticated client. find: see `read_presented_client`."""
    found = await read_presented_client(request, server, find)
    if isinstance(found, OAuthError):
        return found
    params, caller = found
    client = await (find or server.store.clients.get)(caller.client_id)
    if isinstance(client, OAuthError):
        return client
    proven = client_authentication.authenticate(client, caller)
    return proven if isinstance(proven, OAuthError) else (params, proven)


async def _check_secret(
    caller: PresentedClient, secret: str, request: Request, server: AuthorizationServer, find: FindClient
) -> PresentedClient | OAuthError:
    """Find the stored secret that the presented one matches.

    OAuth 2.1 §2.4.1: guessing has to be slow. Wrong secrets are counted per client and network, so that the right one
    keeps working from other networks. A secret that matched before is not counted."""
    client = await find(caller.client_id)
    if isinstance(client, OAuthError):
        return client
    if client is None or client.authentication_method is not caller.method:
        return caller
    stored = [each for each in (client.secret_digest, client.former_secret_digest) if each is not None]
    matched = server.client_secrets.remembered(secret, stored)
    if matched is None:
        counter = throttle.client_secret_key(caller.client_id, request)
        attempt = partial(_count_and_match, caller.client_id, secret, stored, request, server)
        result = await server.client_secrets.once(secret, counter, attempt)
        if isinstance(result, OAuthError):
            return result
        matched = result
    return replace(caller, matched=matched)


async def _count_and_match(
    client_id: ClientId, secret: str, stored: Sequence[Digest], request: Request, server: AuthorizationServer
) -> Digest | OAuthError | None:
    wait = await throttle.count_secret_attempt(client_id, request, server)
    if wait is not None:
        description = "Too many wrong secrets were sent for this client."
        return too_many_requests(description, ReasonCode.CLIENT_SECRET_ATTEMPTS_EXCEEDED, wait.seconds)
    matched = await server.client_secrets.match(secret, stored)
    if matched is not None:
        await throttle.reset_secret_attempts(client_id, request, server)
    return matched


async def _check_assertion(
    caller: PresentedClient, server: AuthorizationServer, find: FindClient
) -> PresentedClient | OAuthError:
    """Check a signed assertion. It counts once, over all nodes (RFC 7523 §3, item 7)."""
    if caller.assertion is None:
        return caller
    now = server.clock()
    client = await find(caller.client_id)
    if isinstance(client, OAuthError):
        return client
    assertion_id = client_assertion.check(caller.assertion, client, server.settings.issuer, now)
    if isinstance(assertion_id, OAuthError):
        error = assertion_id
        # D-8: a token request fetches nothing. The keys are fetched in the background, and the client has to retry.
        renewing = client_assertion.is_by_unknown_key(error) and await server.client_documents.renew_keys(client)
        return temporarily_unavailable(ReasonCode.CLIENT_KEYS_RENEWING) if renewing else error
    if not await throttle.record_first_use(assertion_id, now + client_assertion.REMEMBERED, server):
        return invalid_client("Client authentication failed.", reason=ReasonCode.CLIENT_ASSERTION_REPLAYED)
    return replace(caller, assertion_holds=True)
