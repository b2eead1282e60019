"""The authorization request that a page belongs to, or the page that says why it belongs to none.

Back, reload, a second click, a page from yesterday, a link from somebody else: each ends in a sentence, never in
an error of ours."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared.body import read_form
from oauth.endpoints.shared.browser import browser_secret, form_names, form_token, form_token_matches, is_bound
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

Find = Callable[[Parameters, Request, AuthorizationServer], Awaitable["Pending | Response"]]


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that this browser began, with what its pages show.

    browser: the secret of its cookie.
    context: of the HTTP request that is being answered."""

    handle: str
    asked: AuthorizationRequest
    client: Client
    resource: Resource
    browser: str = field(repr=False)
    context: RequestContext = field(repr=False)

    @property
    def form_token(self) -> str:
        """For the forms on its pages."""
        return form_token(self.browser, self.handle)

    def form_token_of(self, subject: Subject) -> str:
        """For the forms on a page that names somebody's account."""
        return form_token(self.browser, self.handle, subject)

    def was_shown_to(self, subject: Subject, sent: str | None) -> bool:
        """Did the page with this form token name the account of this person?"""
        return form_names(sent, self.browser, self.handle, subject)

    @property
    def client_name(self) -> str:
        """What the client calls itself; it is its own claim."""
        return self.client.name or "An app without a name"


async def find_request(params: Parameters, request: Request, server: AuthorizationServer) -> Pending | Response:
    """The request that `request=` names, answered or not; it must be of this browser."""
    handle = params.get("request")
    if handle is None:
        return message_page(request, server, _NOT_STARTED)
    asked = await server.store.requests.get(digest(handle))
    if asked is None:
        return message_page(request, server, _UNKNOWN)
    context = context_of(request.scope)
    context.flow_id, context.flow_client_id = asked.flow_id, asked.client_id
    secret = browser_secret(request, server)
    if secret is None or not is_bound(asked, request, server):
        return message_page(request, server, _FOREIGN, status=403)
    client = await server.store.clients.get(asked.client_id)
    resource = server.resources.get(asked.resource)
    # The operator may have taken a resource or a scope away since.
    if client is None or resource is None or not asked.scope <= resource.scopes.keys() | {OFFLINE_ACCESS}:
        return message_page(request, server, _UNKNOWN)
    if client.disabled_at is not None:
        return disabled_page(client, request, server)
    # A redirect that the client has given up since counts at once (STD-210).
    if isinstance(redirect_uri.match(client.redirect_uris, asked.target.uri, None), OAuthError):
        return message_page(request, server, _UNKNOWN)
    return Pending(handle, asked, client, resource, secret, context)


async def find_open_request(params: Parameters, request: Request, server: AuthorizationServer) -> Pending | Response:
    """As find, but still waiting for its answer."""
    pending = await find_request(params, request, server)
    if isinstance(pending, Response):
        return pending
    if pending.asked.decided_at is not None:
        return finished_page(pending, request, server)
    if server.clock() >= pending.asked.expires_at:
        return expired_page(pending, request, server)
    return pending


async def load_page_request(request: Request, server: AuthorizationServer) -> Pending | Response:
    """As find_open, of what the query of a page names."""
    params = parameters.parse_encoded(request.scope["query_string"])
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed_message(params))
    return await find_open_request(params, request, server)


async def load_form_request(
    request: Request, server: AuthorizationServer, find: Find = find_open_request
) -> tuple[Parameters, Pending] | Response:
    """The form of a page of ours in this browser, and the request that it names; or the page that says why not."""
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
    """For a query or form that no page of ours sends."""
    return Message(
        "The page sent something unreadable",
        error.description,
        "Go back, reload the page and try again.",
        reason=error.reason,
    )


def disabled_page(client: Client, request: Request, server: AuthorizationServer) -> Response:
    """The operator has switched the client off."""
    log.info("authorization_refused", reason=ReasonCode.CLIENT_DISABLED, client_id=client.client_id)
    return message_page(request, server, _DISABLED, status=403)


def expired_page(pending: Pending, request: Request, server: AuthorizationServer) -> Response:
    """The request is too old, and this browser may begin it again."""
    return message_page(
        request,
        server,
        Message(
            "This page has expired",
            "It waited too long for an answer.",
            f"{pending.client_name} was not connected. Start again here, or from the app.",
            reason=ReasonCode.AUTHORIZATION_REQUEST_EXPIRED,
            link=_again(pending),
            link_text="Start again",
        ),
    )


def finished_page(pending: Pending, request: Request, server: AuthorizationServer) -> Response:
    """The request was answered, and the client has its answer."""
    return message_page(
        request,
        server,
        Message(
            "You have already answered",
            f"{pending.client_name} has received your answer.",
            "You can close this page. If the connection did not work, start again here or from the app.",
            link=_again(pending),
            link_text="Start again",
        ),
        status=200,
    )


def _again(pending: Pending) -> str | None:
    """Where the request can be begun again; a pushed one only by its app."""
    return f"/authorize?{pending.asked.query}" if pending.asked.query else None


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
    "Go back to the app and start again from there. Do not use a sign-in link that somebody sent to you.",
    reason=ReasonCode.BROWSER_MISMATCH,
)
_DISABLED = Message(
    "This app has been switched off here",
    "The people who run this service do not let it connect at the moment.",
    "Nothing was shared. Ask them if you need it.",
    reason=ReasonCode.CLIENT_DISABLED,
)
