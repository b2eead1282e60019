"""The authorization server's routes, all at the root (D-3)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints import authorize, consent, introspect, metadata, push, register, registered_client, revoke, token
from oauth.endpoints.shared.body import MAX_BODY, BodyTooLarge
from oauth.endpoints.shared.responses import error_response, message_page
from oauth.endpoints.sign_in import one_time_code, second_factor
from oauth.endpoints.sign_in import password as sign_in
from oauth.endpoints.sign_in import provider as sign_in_return
from oauth.flow_history.events import Step
from oauth.foundation.outages import RETRY_AFTER_SECONDS, Outage
from oauth.foundation.request_context import context_of
from oauth.pages import Message
from oauth.protocol import server_metadata
from oauth.protocol.errors import OAuthError, invalid_request, temporarily_unavailable

log = structlog.get_logger()

Endpoint = Callable[[Request, AuthorizationServer], Awaitable[Response]]
Handler = Callable[[Request], Awaitable[Response]]


def routes(server: AuthorizationServer) -> list[Route]:
    """Endpoints for programs, pages for people, documents for discovery."""
    programs: list[tuple[str, Endpoint, str]] = [
        ("/token", token.token, "POST"),
        ("/revoke", revoke.revoke, "POST"),
        ("/introspect", introspect.introspect, "POST"),
        ("/par", push.push, "POST"),
        *(_REGISTRATION if server.settings.registration.enabled else ()),
        (server_metadata.JWKS_PATH, metadata.jwks, "GET"),
        *((path, metadata.authorization_server_metadata, "GET") for path in server_metadata.PATHS),
    ]
    pages: list[tuple[str, Endpoint, str]] = [
        ("/authorize", authorize.authorize, "GET"),
        ("/signin", sign_in.show_sign_in, "GET"),
        ("/signin", sign_in.sign_in, "POST"),
        ("/signin/code", one_time_code.show_code, "GET"),
        ("/signin/code", one_time_code.send_code, "POST"),
        ("/signin/verify", one_time_code.check_code, "POST"),
        ("/signin/provider", sign_in_return.go_to_provider, "POST"),
        (sign_in_return.CALLBACK_PATH, sign_in_return.come_back, "GET"),
        ("/signin/factor", second_factor.show_factor, "GET"),
        ("/signin/factor", second_factor.check_factor, "POST"),
        ("/signout", sign_in.sign_out, "POST"),
        ("/consent", consent.show_consent, "GET"),
        ("/consent", consent.decide, "POST"),
    ]
    programs += [
        (path, partial(metadata.protected_resource_metadata, resource), "GET")
        for resource in server.resources.served
        for path in resource.document_paths
    ]
    return [
        *_routes([(path, _for_programs(endpoint, server), method) for path, endpoint, method in programs]),
        # Not for HEAD: a look at the link would use up what may be used once.
        *_routes([(path, _for_people(endpoint, server), method) for path, endpoint, method in pages], head=False),
    ]


_REGISTRATION: tuple[tuple[str, Endpoint, str], ...] = (
    ("/register", register.register, "POST"),
    (registered_client.PATH, registered_client.show, "GET"),
    (registered_client.PATH, registered_client.change, "PUT"),
    (registered_client.PATH, registered_client.remove, "DELETE"),
)


def _routes(handlers: Sequence[tuple[str, Handler, str]], *, head: bool = True) -> list[Route]:
    """One route a path, which knows all methods that there are. head: is HEAD like GET?"""
    by_path: dict[str, dict[str, Handler]] = {}
    for path, handler, method in handlers:
        by_path.setdefault(path, {})[method] = handler
        if head and method == "GET":
            by_path[path]["HEAD"] = handler
    return [_route(path, by_method) for path, by_method in by_path.items()]


def _route(path: str, by_method: Mapping[str, Handler]) -> Route:
    async def handle(request: Request) -> Response:
        return await by_method[request.method](request)

    route = Route(path, handle)
    route.methods = set(by_method)
    return route


def _for_programs(endpoint: Endpoint, server: AuthorizationServer) -> Handler:
    """An outage is 503 `temporarily_unavailable` (D-16), an oversized body 413; both as JSON."""

    async def handle(request: Request) -> Response:
        try:
            return await endpoint(request, server)
        except Outage as outage:
            log.warning("outage", path=request.url.path, kind=type(outage).__name__, cause=str(outage))
            return _noted(temporarily_unavailable(outage.reason), request, server)
        except BodyTooLarge:
            return _noted(invalid_request(_TOO_LARGE, reason="oversized_body"), request, server, status=413)

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
    """Where it is a step of a connection, it is told in its story."""
    step = _STEPS.get(request.url.path)
    if step is not None:
        server.flow_recorder.record(
            context_of(request.scope), step, reason=error.reason, error=error.code, description=error.description
        )
    return error_response(error, status=status)


_STEPS = {"/token": Step.TOKEN_ISSUED, "/register": Step.REGISTERED, "/par": Step.PUSHED}


def _outage_message(outage: Outage) -> Message:
    return Message(
        "This is not possible right now",
        "A part of the service that signing in depends on does not answer. Nothing was changed and nothing is lost.",
        "Wait a few seconds, then reload this page.",
        reason=outage.reason,
    )


_TOO_LARGE = f"The request body is larger than {MAX_BODY // 1024} KiB."
_OVERSIZED = Message(
    "The page sent too much", _TOO_LARGE, "Go back, reload the page and try again.", reason="oversized_body"
)
