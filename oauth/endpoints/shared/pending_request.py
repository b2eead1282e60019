"""Finds the authorization request that a page belongs to, or renders the page that says why there is none.

Back, reload, a second click, an old page and a link from another person each end in an explanation, never in an
internal error."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared.body import read_form
from oauth.endpoints.shared.browser import (
    browser_secret,
    form_token,
    form_token_matches,
    form_token_names_account,
    is_bound,
)
from oauth.endpoints.shared.responses import message_page
from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import RequestContext, context_of
from oauth.foundation.vocabulary import OFFLINE_ACCESS, Subject
from oauth.pages import Message
from oauth.protocol import parameters, redirect_uri
from oauth.protocol.errors import OAuthError
from oauth.protocol.models import AuthorizationRequest, Client
from oauth.protocol.parameters import Parameters
from oauth.protocol.resources import Resource

log = structlog.get_logger()

FindRequest = Callable[[Parameters, Request, AuthorizationServer], Awaitable["Pending | Response"]]


@dataclass(frozen=True, slots=True)
class Pending:
    """An authorization request that this browser started, with what its pages show.

    handle: the secret that names the request in URLs and forms.
    authorization_request: as it is stored.
    client: the client that sent it.
    resource: the resource that it asks for.
    browser: the secret in the browser cookie.
    context: of the HTTP request that is being answered."""

    handle: str
    authorization_request: AuthorizationRequest
    client: Client
    resource: Resource
    browser: str = field(repr=False)
    context: RequestContext = field(repr=False)

    @property
    def form_token(self) -> str:
        """The token for a form on the pages of this request."""
        return form_token(self.browser, self.handle)

    def account_form_token(self, subject: Subject) -> str:
        """The token for a form on a page that names this account."""
        return form_token(self.browser, self.handle, subject)

    def form_names_account(self, subject: Subject, sent: str | None) -> bool:
        """Did the page with the form token `sent` name this account?"""
        return form_token_names_account(sent, self.browser, self.handle, subject)

    @property
    def client_name(self) -> str:
        """The name that the client claims for itself."""
        return self.client.name or "An app without a name"


async def find_request(params: Parameters, request: Request, server: AuthorizationServer) -> Pending | Response:
    """The request that the parameter `request` names, decided or not; an error page unless this browser started it."""
    handle = params.get("request")
    if handle is None:
        return message_page(request, server, _NOT_STARTED)
    authorization_request = await server.store.requests.get(digest(handle))
    if authorization_request is None:
        return message_page(request, server, _UNKNOWN)
    context = context_of(request.scope)
    context.flow_id, context.flow_client_id = authorization_request.flow_id, authorization_request.client_id
    secret = browser_secret(request, server)
    if secret is None or not is_bound(authorization_request, request, server):
        return message_page(request, server, _FOREIGN, status=403)
    client = await server.store.clients.get(authorization_request.client_id)
    resource = server.resources.get(authorization_request.resource)
    # The operator may have removed the resource or a scope since.
    if (
        client is None
        or resource is None
        or not authorization_request.scope <= resource.scopes.keys() | {OFFLINE_ACCESS}
    ):
        return message_page(request, server, _UNKNOWN)
    if client.disabled_at is not None:
        return disabled_page(client, request, server)
    # Ours: refuse a redirect URI that the client has removed since, as it may no longer be the client's.
    if isinstance(redirect_uri.match(client.redirect_uris, authorization_request.target.uri, None), OAuthError):
        return message_page(request, server, _UNKNOWN)
    return Pending(handle, authorization_request, client, resource, secret, context)


async def find_open_request(params: Parameters, request: Request, server: AuthorizationServer) -> Pending | Response:
    """As find_request, for a request that is neither decided nor expired."""
    pending = await find_request(params, request, server)
    if isinstance(pending, Response):
        return pending
    if pending.authorization_request.decided_at is not None:
        return finished_page(pending, request, server)
    if server.clock() >= pending.authorization_request.expires_at:
        return expired_page(pending, request, server)
    return pending


async def load_page_request(request: Request, server: AuthorizationServer) -> Pending | Response:
    """As find_open_request, with the parameters of a page's query."""
    params = parameters.parse_encoded(request.scope["query_string"])
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed_message(params))
    return await find_open_request(params, request, server)


async def load_form_request(
    request: Request, server: AuthorizationServer, find: FindRequest = find_open_request
) -> tuple[Parameters, Pending] | Response:
    """The form of a page that this browser was shown, and the request that it names; or the page that says why not."""
    params = await read_form(request)
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed_message(params))
    pending = await find(params, request, server)
    if isinstance(pending, Response):
        return pending
    if not form_token_matches(params.get("csrf"), browser_secret(request, server), pending.handle):
        return message_page(request, server, _FOREIGN, status=403)
    return params, pending


def malformed_message(error: OAuthError) -> Message:
    """The message for a query or form that none of these pages sends."""
    return Message(
        "The page sent something unreadable",
        error.description,
        "Go back, reload the page and try again.",
        reason=error.reason,
    )


def disabled_page(client: Client, request: Request, server: AuthorizationServer) -> Response:
    """403: the operator has disabled the client."""
    log.info("authorization_refused", reason=ReasonCode.CLIENT_DISABLED, client_id=client.client_id)
    return message_page(request, server, _DISABLED, status=403)


def expired_page(pending: Pending, request: Request, server: AuthorizationServer) -> Response:
    """The request has expired; a link starts it again."""
    return message_page(
        request,
        server,
        Message(
            "This page has expired",
            "It waited too long for an answer.",
            f"{pending.client_name} was not connected. Start again here, or from the app.",
            reason=ReasonCode.AUTHORIZATION_REQUEST_EXPIRED,
            link=_restart_url(pending),
            link_text="Start again",
        ),
    )


def finished_page(pending: Pending, request: Request, server: AuthorizationServer) -> Response:
    """The request is decided and the client has the answer; a link starts it again."""
    return message_page(
        request,
        server,
        Message(
            "You have already answered",
            f"{pending.client_name} has received your answer.",
            "You can close this page. If the connection did not work, start again here or from the app.",
            link=_restart_url(pending),
            link_text="Start again",
        ),
        status=200,
    )


def _restart_url(pending: Pending) -> str | None:
    """Where to start the request again; None for a pushed one, which only its app can start again."""
    return f"/authorize?{pending.authorization_request.query}" if pending.authorization_request.query else None


_NOT_STARTED = Message(
    "Nothing to sign in to",
    "Signing in starts in the app that you want to connect.",
    "Open the app and choose to connect or sign in there.",
    reason=ReasonCode.AUTHORIZATION_REQUEST_MISSING,
)
_UNKNOWN = Message(
    "This page is no longer valid",
    "The request that it belonged to is over, or the app's registration is gone.",
    "Go back to the app and start again from there.",
    reason=ReasonCode.AUTHORIZATION_REQUEST_UNKNOWN,
)
_FOREIGN = Message(
    "This page was opened in another browser",
    "It can only be used in the browser window where it began. If it was this one, cookies are blocked for this site.",
    "Go back to the app and start again from there. Do not use a sign-in link that someone sent to you.",
    reason=ReasonCode.BROWSER_MISMATCH,
)
_DISABLED = Message(
    "This app has been switched off here",
    "The people who run this service do not let it connect at the moment.",
    "Nothing was shared. Ask them if you need it.",
    reason=ReasonCode.CLIENT_DISABLED,
)
