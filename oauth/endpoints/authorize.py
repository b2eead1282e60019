"""GET /authorize (OAuth 2.1 §4.1.1): stores the request and redirects to sign-in. Cheap and repeatable (D-15)."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import client_lookup, pending_request
from oauth.endpoints.shared.browser import bind_browser, browser_secret, current_session
from oauth.endpoints.shared.responses import message_page, redirect
from oauth.endpoints.shared.throttle import Throttled
from oauth.foundation import credentials
from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import ClientId, Step
from oauth.pages import Message
from oauth.protocol import authorization_request, parameters, pushed_request, redirect_uri
from oauth.protocol.errors import OAuthError, invalid_request
from oauth.protocol.models import AuthorizationRequest, Client, PushedRequest
from oauth.protocol.parameters import Parameters
from oauth.protocol.redirect_uri import RedirectTarget

log = structlog.get_logger()


async def authorize(request: Request, server: AuthorizationServer) -> Response:
    """Query parameters → 303 to the sign-in page, or to consent where the browser is signed in; or an error page."""
    # Ours: a web page that embeds this URL, as an image for example, would use up the limits of its visitors' networks.
    # Browsers state what a request is for (Fetch Metadata); other programs do not.
    if request.headers.get("sec-fetch-dest", "document") != "document":
        log.info("authorization_refused", reason=ReasonCode.NO_NAVIGATION)
        return message_page(request, server, _NO_NAVIGATION)
    params = parameters.parse_encoded(request.scope["query_string"])
    if isinstance(params, OAuthError):
        return _render_error(params, request, server)
    client = await _find_client(params.get("client_id", ""), request, server)
    if isinstance(client, Response):
        return client
    context_of(request.scope).flow_client_id = client.client_id
    if client.disabled_at is not None:
        return pending_request.disabled_page(client, request, server)
    pushed = await _load_pushed_request(params, client, request, server) if "request_uri" in params else None
    if isinstance(pushed, Response):
        return pushed
    # RFC 9126 §4: only the pushed parameters count; those sent beside the reference are ignored.
    sent = params if pushed is None else parameters.parse_encoded(pushed.query.encode())
    if isinstance(sent, OAuthError):
        return _render_error(sent, request, server)
    # OAuth 2.1 §4.1.2.1: errors up to here are shown to the user; later ones can go to the client.
    target = redirect_uri.match(client.redirect_uris, sent.get("redirect_uri"), sent.get("state"))
    if isinstance(target, OAuthError):
        return _render_error(target, request, server)
    session = await current_session(request, server)
    validated = authorization_request.validate(sent, client, server.resources)
    if client.requires_pushed_requests and pushed is None:
        validated = _MUST_BE_PUSHED
    if isinstance(validated, OAuthError):
        return _answer_error(validated, client, target, request, server, signed_in=session is not None)

    resource = validated.resource
    flow_id = server.flow_recorder.record(
        context_of(request.scope), Step.AUTHORIZATION_REQUESTED, client_id=client.client_id, resource=resource.path
    )
    handle = credentials.new_secret("ar_", server.entropy)
    secret = browser_secret(request, server) or credentials.new_secret("br_", server.entropy)
    is_added = await server.store.requests.add(
        AuthorizationRequest(
            digest=digest(handle),
            browser=digest(secret),
            client_id=client.client_id,
            target=target,
            scope=validated.scope,
            resource=resource.identifier,
            code_challenge=validated.code_challenge,
            # A pushed request works once, so only the app can start it again.
            query=authorization_request.query_of(params) if pushed is None else "",
            expires_at=server.clock() + server.settings.authorization_request_lifetime,
            dpop_jkt=validated.dpop_jkt,
            flow_id=flow_id,
        ),
        None if pushed is None else pushed.digest,
    )
    if not is_added:
        if pushed is None:
            return _render_unknown_client(request, server)
        return _render_spent_request_uri(client, request, server)
    response = redirect(f"/{'signin' if session is None else 'consent'}?request={handle}")
    bind_browser(response, secret, server)
    return response


async def _load_pushed_request(
    params: Parameters, client: Client, request: Request, server: AuthorizationServer
) -> PushedRequest | Response:
    """The request that the client pushed, or an error page.

    It is consumed only when the authorization request is stored, so that an outage before that costs nothing."""
    secret = pushed_request.secret_of(params["request_uri"])
    if secret is None:
        return _render_error(_NOT_PUSHED, request, server)
    pushed = await server.store.requests.get_pushed(digest(secret), client.client_id, server.clock())
    if pushed is None:
        return _render_spent_request_uri(client, request, server)
    context_of(request.scope).flow_id = pushed.flow_id
    return pushed


async def _find_client(client_id: str, request: Request, server: AuthorizationServer) -> Client | Response:
    """The client that sent the request, or the page that says why it cannot be identified."""
    client = await client_lookup.find_client(ClientId(client_id), request, server)
    if client is None:
        return _render_unknown_client(request, server)
    if not isinstance(client, OAuthError):
        return client
    log.info("authorization_refused", error=client.code, reason=client.reason)
    if client.retry_after is not None:
        wait = Throttled(client.retry_after)
        return message_page(
            request, server, _too_many_apps_message(wait), status=429, headers={"Retry-After": str(wait.seconds)}
        )
    message = Message("This app cannot be identified", client.description, _NOT_IDENTIFIED, reason=client.reason)
    return message_page(request, server, message)


def _render_unknown_client(request: Request, server: AuthorizationServer) -> Response:
    log.info("authorization_refused", reason=ReasonCode.CLIENT_UNKNOWN)
    return message_page(request, server, _UNKNOWN_CLIENT)


def _render_spent_request_uri(client: Client, request: Request, server: AuthorizationServer) -> Response:
    log.info("authorization_refused", reason=ReasonCode.REQUEST_URI_SPENT, client_id=client.client_id)
    return message_page(request, server, _SPENT)


def _render_error(error: OAuthError, request: Request, server: AuthorizationServer) -> Response:
    """Show the error to the user: without a proven redirect URI it cannot go to the client (D-18)."""
    log.info("authorization_refused", error=error.code, reason=error.reason)
    return message_page(
        request,
        server,
        Message(
            "The app sent a faulty request",
            error.description,
            "Nothing was shared. Go back to the app and try again; if that does not help, tell its makers.",
            reason=error.reason,
        ),
    )


def _answer_error(
    error: OAuthError,
    client: Client,
    target: RedirectTarget,
    request: Request,
    server: AuthorizationServer,
    *,
    signed_in: bool,
) -> Response:
    """Redirect the error to the client.

    OAuth 2.1 §7.12.2: a client that registered itself gets no redirect before the user has signed in, so that this
    server is no open redirector. The user gets a page with a link instead."""
    log.info("authorization_refused", error=error.code, reason=error.reason, client_id=client.client_id)
    server.flow_recorder.record(
        context_of(request.scope),
        Step.AUTHORIZATION_REQUESTED,
        client_id=client.client_id,
        reason=error.reason,
        error=error.code,
        description=error.description,
    )
    redirect_url = target.answer(server.settings.issuer, {"error": error.code, "error_description": error.description})
    if signed_in or client.proves_its_identity:
        return redirect(redirect_url)
    return message_page(
        request,
        server,
        Message(
            "The app sent a faulty request",
            error.description,
            f"Nothing was shared. You can go back to the app, at {target.host}, and tell it what went wrong.",
            reason=error.reason,
            link=redirect_url,
            link_text="Back to the app",
        ),
    )


def _too_many_apps_message(wait: Throttled) -> Message:
    return Message(
        "Too many new apps from this network",
        wait.sentence,
        "Nothing was shared. Apps that have been connected before are not affected.",
        reason=ReasonCode.REGISTRATIONS_EXCEEDED,
    )


_NO_NAVIGATION = Message(
    "This page has to be opened by itself",
    "Another web page asked for it as a part of its own, such as an image or a frame.",
    "Nothing was shared. Start again from the app that you want to connect.",
    reason=ReasonCode.NO_NAVIGATION,
)
_NOT_PUSHED = invalid_request("request_uri is not one that was pushed here.", reason=ReasonCode.REQUEST_URI_FOREIGN)
_MUST_BE_PUSHED = invalid_request(
    "This client has to push its authorization requests.", reason=ReasonCode.PUSHED_REQUEST_REQUIRED
)
_SPENT = Message(
    "This link has been used or has expired",
    "Apps that send their request ahead get a link that works once, and for a short time.",
    "Nothing was shared. Go back to the app and start again from there.",
    reason=ReasonCode.REQUEST_URI_SPENT,
)
_NOT_IDENTIFIED = (
    "Nothing was shared. Try again in a minute; if that does not help, tell the makers of the app, and the people who "
    "run this service."
)
_UNKNOWN_CLIENT = Message(
    "This app is not registered here",
    "Its registration is unknown to this server: it may have expired because it was not used.",
    "Go back to the app, remove this connection and add it again; the app then registers again.",
    reason=ReasonCode.CLIENT_UNKNOWN,
)
