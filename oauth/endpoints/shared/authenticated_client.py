"""The client that sends a form to one of the endpoints for programs, and how it proves itself (OAuth 2.1 §2.4)."""

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

# → the client; None where there is none, an error where there can be none.
Find = Callable[[ClientId], Awaitable[Client | OAuthError | None]]


async def read_presented_client(
    request: Request, server: AuthorizationServer, find: Find | None = None
) -> tuple[Parameters, PresentedClient] | OAuthError:
    """The form, and who the caller says it is; proven is a secret or a signed assertion, where there is one. find:
    where clients are known from, if not from the store."""
    params = await read_form(request)
    if isinstance(params, OAuthError):
        return params
    sent = request.headers.getlist("authorization")
    # OAuth 2.1 §2.4: two headers are two ways; a proxy in front may have read the other one.
    caller = TWO_WAYS if len(sent) > 1 else client_authentication.parse(params, next(iter(sent), None))
    if isinstance(caller, OAuthError):
        return caller
    find = find or server.store.clients.get
    if caller.secret is not None:
        checked = await _with_secret_checked(caller, caller.secret, request, server, find)
    else:
        checked = await _with_assertion_checked(caller, server, find)
    return checked if isinstance(checked, OAuthError) else (params, checked)


async def authenticate_client(
    request: Request, server: AuthorizationServer, find: Find | None = None
) -> tuple[Parameters, Client] | OAuthError:
    """The form, and the client that the caller has proven to be. find: as above."""
    found = await read_presented_client(request, server, find)
    if isinstance(found, OAuthError):
        return found
    params, caller = found
    client = await (find or server.store.clients.get)(caller.client_id)
    if isinstance(client, OAuthError):
        return client
    proven = client_authentication.authenticate(client, caller)
    return proven if isinstance(proven, OAuthError) else (params, proven)


async def _with_secret_checked(
    caller: PresentedClient, secret: str, request: Request, server: AuthorizationServer, find: Find
) -> PresentedClient | OAuthError:
    """Guessing is slow (STD-46): wrong secrets are counted for the client and where they come from, so that the right
    one from elsewhere is good all the while. One that was right before is no guess."""
    client = await find(caller.client_id)
    if isinstance(client, OAuthError):
        return client
    if client is None or client.authentication_method is not caller.method:
        return caller
    stored = [each for each in (client.secret_digest, client.former_secret_digest) if each is not None]
    matched = server.client_secrets.remembered(secret, stored)
    if matched is None:
        whence = throttle.secret_key(caller.client_id, request)
        guess = partial(_guess, caller.client_id, secret, stored, request, server)
        guessed = await server.client_secrets.once(secret, whence, guess)
        if isinstance(guessed, OAuthError):
            return guessed
        matched = guessed
    return replace(caller, matched=matched)


async def _guess(
    client_id: ClientId, secret: str, stored: Sequence[Digest], request: Request, server: AuthorizationServer
) -> Digest | OAuthError | None:
    wait = await throttle.count_secret(client_id, request, server)
    if wait is not None:
        meaning = "Too many wrong secrets were sent for this client."
        return too_many_requests(meaning, ReasonCode.CLIENT_SECRET_ATTEMPTS_EXCEEDED, wait.seconds)
    matched = await server.client_secrets.match(secret, stored)
    if matched is not None:
        await throttle.forget_secrets(client_id, request, server)
    return matched


async def _with_assertion_checked(
    caller: PresentedClient, server: AuthorizationServer, find: Find
) -> PresentedClient | OAuthError:
    """An assertion counts once, over all nodes (RFC 7523 §3, item 7)."""
    if caller.assertion is None:
        return caller
    now = server.clock()
    client = await find(caller.client_id)
    if isinstance(client, OAuthError):
        return client
    known = client_assertion.check(caller.assertion, client, server.settings.issuer, now)
    if isinstance(known, OAuthError):
        # D-8: a token request looks nothing up; that the keys are fetched in the meantime is told to come back for.
        renewing = client_assertion.is_by_unknown_key(known) and await server.client_documents.renew_keys(client)
        return temporarily_unavailable(ReasonCode.CLIENT_KEYS_RENEWING) if renewing else known
    if not await throttle.is_first(known, now + client_assertion.REMEMBERED, server):
        return invalid_client("Client authentication failed.", reason=ReasonCode.CLIENT_ASSERTION_REPLAYED)
    return replace(caller, assertion_holds=True)
