"""The authorization server's routes, all at the root (D-3)."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints import authorize, consent, introspect, metadata, push, register, registered_client, revoke, token
from oauth.endpoints.shared.body import MAX_BODY, BodyTooLarge
from oauth.endpoints.shared.responses import error_response, message_page
from oauth.endpoints.sign_in import one_time_code, password, provider, second_factor
from oauth.foundation.outages import RETRY_AFTER_SECONDS, Outage
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import context_of
from oauth.pages import Message
from oauth.protocol import server_metadata
from oauth.protocol.errors import OAuthError, invalid_request, temporarily_unavailable
from oauth.protocol.route_table import (
    CALLBACK_PATH,
    REGISTERED_CLIENT_PATH,
    Audience,
    RouteEntry,
    authorization_server_entries,
)

log = structlog.get_logger()

Endpoint = Callable[[Request, AuthorizationServer], Awaitable[Response]]
Handler = Callable[[Request], Awaitable[Response]]


def routes(server: AuthorizationServer) -> list[Route]:
    """Endpoints for programs, pages for people, documents for discovery, as the route table lists them."""
    endpoints = {**_ENDPOINTS, **_documents(server)}
    entries = authorization_server_entries(server.resources, registration=server.settings.registration.enabled)
    return [_route(entry, endpoints, server) for entry in entries if entry.methods]


def _route(entry: RouteEntry, endpoints: Mapping[tuple[str, str], Endpoint], server: AuthorizationServer) -> Route:
    """One route a path, which knows all methods that there are."""
    answer = _for_people if entry.audience is Audience.PEOPLE else _for_programs
    by_method = {method: answer(endpoints[method, entry.path], server) for method in entry.methods}
    # Pages take no HEAD: a look at a link would use up what may be used once.
    if "GET" in by_method and entry.audience is Audience.PROGRAMS:
        by_method["HEAD"] = by_method["GET"]

    async def handle(request: Request) -> Response:
        return await by_method[request.method](request)

    route = Route(entry.path, handle)
    route.methods = set(by_method)
    return route


def _documents(server: AuthorizationServer) -> Mapping[tuple[str, str], Endpoint]:
    """The metadata documents of the resources that are served here."""
    return {
        ("GET", path): partial(metadata.protected_resource_metadata, resource)
        for resource in server.resources.served
        for path in resource.document_paths
    }


_ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("POST", "/token"): token.token,
    ("POST", "/revoke"): revoke.revoke,
    ("POST", "/introspect"): introspect.introspect,
    ("POST", "/par"): push.push,
    ("POST", "/register"): register.register,
    ("GET", REGISTERED_CLIENT_PATH): registered_client.show,
    ("PUT", REGISTERED_CLIENT_PATH): registered_client.change,
    ("DELETE", REGISTERED_CLIENT_PATH): registered_client.remove,
    ("GET", server_metadata.JWKS_PATH): metadata.jwks,
    **{("GET", path): metadata.authorization_server_metadata for path in server_metadata.PATHS},
    ("GET", "/authorize"): authorize.authorize,
    ("GET", "/signin"): password.show_sign_in,
    ("POST", "/signin"): password.sign_in,
    ("GET", "/signin/code"): one_time_code.show_code,
    ("POST", "/signin/code"): one_time_code.send_code,
    ("POST", "/signin/verify"): one_time_code.check_code,
    ("POST", "/signin/provider"): provider.redirect_to_provider,
    ("GET", CALLBACK_PATH): provider.handle_callback,
    ("GET", "/signin/factor"): second_factor.show_factor,
    ("POST", "/signin/factor"): second_factor.check_factor,
    ("POST", "/signout"): password.sign_out,
    ("GET", "/consent"): consent.show_consent,
    ("POST", "/consent"): consent.decide,
}


def _for_programs(endpoint: Endpoint, server: AuthorizationServer) -> Handler:
    """An outage is 503 `temporarily_unavailable` (D-16), an oversized body 413; both as JSON."""

    async def handle(request: Request) -> Response:
        try:
            return await endpoint(request, server)
        except Outage as outage:
            log.warning("outage", path=request.url.path, kind=type(outage).__name__, cause=str(outage))
            return _noted(temporarily_unavailable(outage.reason), request, server)
        except BodyTooLarge:
            return _noted(invalid_request(_TOO_LARGE, reason=ReasonCode.OVERSIZED_BODY), request, server, status=413)

    return handle


def _for_people(endpoint: Endpoint, server: AuthorizationServer) -> Handler:
    """The same as pages."""

    async def handle(request: Request) -> Response:
        try:
            return await endpoint(request, server)
        except Outage as outage:
            log.warning("outage", path=request.url.path, kind=type(outage).__name__, cause=str(outage))
            retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return message_page(request, server, _outage_message(outage), status=503, headers=retry)
        except BodyTooLarge:
            return message_page(request, server, _OVERSIZED, status=413)

    return handle


def _noted(error: OAuthError, request: Request, server: AuthorizationServer, status: int = 400) -> Response:
    """Recorded where it is a step of connecting."""
    context = context_of(request.scope)
    if context.step is not None:
        server.flow_recorder.record(
            context, context.step, reason=error.reason, error=error.code, description=error.description
        )
    return error_response(error, status=status)


def _outage_message(outage: Outage) -> Message:
    return Message(
        "This is not possible right now",
        "A part of the service that signing in depends on does not answer. Nothing was changed and nothing is lost.",
        "Wait a few seconds, then reload this page.",
        reason=outage.reason,
    )


_TOO_LARGE = f"The request body is larger than {MAX_BODY // 1024} KiB."
_OVERSIZED = Message(
    "The page sent too much", _TOO_LARGE, "Go back, reload the page and try again.", reason=ReasonCode.OVERSIZED_BODY
)
