"""Routes, and what holds for all of them: API keys, faults, bodies, errors, CORS."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from servers.local_supabase import admin, discovery, factors, one_time_codes, social, token, user
from servers.local_supabase import control as local
from servers.local_supabase.context import Call, Context, Handler, read_body
from servers.local_supabase.errors import Refusal, error_response
from servers.local_supabase.faults import HangUp

_MAX_BODY = 1 << 20
_PREFIX = "/auth/v1"
_NO_AUTHORIZATION = Refusal(401, "no_authorization", "This endpoint requires a valid Bearer token")
_BAD_JWT = Refusal(403, "bad_jwt", "invalid JWT: unable to parse or verify signature, or token is expired")
_NOT_ADMIN = Refusal(403, "not_admin", "User not allowed")


class Access(Enum):
    """Who may call a route."""

    OPEN = "open"  # linked to from elsewhere: no API key
    KEY = "key"  # with an API key, as the hosted gateway asks for
    USER = "user"  # with an API key and a person's access token
    SERVICE = "service"  # with the secret key


@dataclass(frozen=True, slots=True)
class _Endpoint:
    method: str
    path: str
    handler: Handler
    access: Access


def create_app(context: Context) -> Starlette:
    """The stand-in's application."""
    endpoints = [
        _Endpoint("GET", "/health", discovery.health, Access.OPEN),
        _Endpoint("GET", "/.well-known/jwks.json", discovery.jwks, Access.OPEN),
        _Endpoint("GET", "/.well-known/openid-configuration", discovery.openid_configuration, Access.OPEN),
        _Endpoint("GET", "/settings", discovery.settings, Access.KEY),
        _Endpoint("POST", "/token", token.token, Access.KEY),
        _Endpoint("POST", "/signup", user.sign_up, Access.KEY),
        _Endpoint("GET", "/user", user.read_user, Access.USER),
        _Endpoint("PUT", "/user", user.update_user, Access.USER),
        _Endpoint("POST", "/logout", user.log_out, Access.USER),
        _Endpoint("POST", "/otp", one_time_codes.send_code, Access.KEY),
        _Endpoint("POST", "/magiclink", one_time_codes.send_code, Access.KEY),
        _Endpoint("POST", "/recover", one_time_codes.recover, Access.KEY),
        _Endpoint("POST", "/resend", one_time_codes.recover, Access.KEY),
        _Endpoint("POST", "/verify", one_time_codes.verify, Access.KEY),
        _Endpoint("GET", "/verify", one_time_codes.follow_link, Access.OPEN),
        _Endpoint("GET", "/authorize", social.authorize, Access.OPEN),
        _Endpoint("GET", "/callback", social.callback, Access.OPEN),
        _Endpoint("POST", "/sso", social.single_sign_on, Access.KEY),
        _Endpoint("POST", "/factors", factors.enroll, Access.USER),
        _Endpoint("DELETE", "/factors/{factor_id}", factors.unenroll, Access.USER),
        _Endpoint("POST", "/factors/{factor_id}/challenge", factors.challenge, Access.USER),
        _Endpoint("POST", "/factors/{factor_id}/verify", factors.verify, Access.USER),
        _Endpoint("GET", "/admin/users", admin.list_users, Access.SERVICE),
        _Endpoint("POST", "/admin/users", admin.create_user, Access.SERVICE),
        _Endpoint("GET", "/admin/users/{user_id}", admin.read_user, Access.SERVICE),
        _Endpoint("PUT", "/admin/users/{user_id}", admin.update_user, Access.SERVICE),
        _Endpoint("DELETE", "/admin/users/{user_id}", admin.delete_user, Access.SERVICE),
    ]
    local_endpoints = [
        _Endpoint("GET", f"/_local/{social.PROVIDER}", social.pretend_provider, Access.OPEN),
        _Endpoint("GET", "/_local/faults", local.read_faults, Access.SERVICE),
        _Endpoint("PUT", "/_local/faults", local.plant_fault, Access.SERVICE),
        _Endpoint("DELETE", "/_local/faults", local.clear_faults, Access.SERVICE),
        _Endpoint("POST", "/_local/rotate-keys", local.rotate_keys, Access.SERVICE),
        _Endpoint("GET", "/_local/messages", local.read_messages, Access.SERVICE),
        _Endpoint("GET", "/_local/requests", local.read_requests, Access.SERVICE),
    ]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=["X-Total-Count", "Link", "x-sb-error-code", "X-Supabase-Api-Version"],
    )
    return Starlette(
        routes=[
            *(_route(context, endpoint, _PREFIX) for endpoint in endpoints),
            *(_route(context, endpoint, "") for endpoint in local_endpoints),
        ],
        middleware=[cors],
    )


def _route(context: Context, endpoint: _Endpoint, prefix: str) -> Route:
    async def handle(request: Request) -> Response:
        if prefix:
            path = request.url.path.removeprefix(prefix)
            context.requests[path] += 1
            try:
                fault = await context.faults.happen(path)
            except HangUp:
                return _HungUp()
            if fault is not None:
                return fault
        try:
            outcome = await _answer(context, endpoint, request)
        except ClientDisconnect:
            return Response(status_code=400)
        return error_response(outcome, request) if isinstance(outcome, Refusal) else outcome

    return Route(prefix + endpoint.path, handle, methods=[endpoint.method], max_body_size=_MAX_BODY)


async def _answer(context: Context, endpoint: _Endpoint, request: Request) -> Response | Refusal:
    key = request.headers.get("apikey", "")
    bearer = _bearer(request)
    if endpoint.access is Access.SERVICE:
        refused = _check_service(context, key, bearer)
        if refused is not None:
            return refused
    elif endpoint.access is not Access.OPEN:
        if not key:
            hint = "No `apikey` request header or url param was found."
            return JSONResponse({"message": "No API key found in request", "hint": hint}, 401)
        if not _is(key, context.publishable_key) and not _is(key, context.secret_key):
            hint = "Double check your Supabase `anon` or `service_role` API key."
            return JSONResponse({"message": "Invalid API key", "hint": hint}, 401)
    claims: Any = {}
    if endpoint.access is Access.USER:
        if not bearer:
            return _NO_AUTHORIZATION
        claims = _claims(context, bearer)
        if claims is None:
            return _BAD_JWT
    body = await read_body(request)
    if isinstance(body, Refusal):
        return body
    return await endpoint.handler(Call(context, request, body, claims))


def _check_service(context: Context, key: str, bearer: str) -> Refusal | None:
    """The secret key, as either header. Without a bearer the gateway makes one of the API key."""
    if _is(key, context.secret_key) or _is(bearer, context.secret_key):
        return None
    given = bearer or key
    if not given:
        return _NO_AUTHORIZATION
    known = _is(given, context.publishable_key) or _claims(context, given) is not None
    return _NOT_ADMIN if known else _BAD_JWT


def _claims(context: Context, access_token: str) -> Mapping[str, Any] | None:
    return context.keys.verify(access_token, context.issuer, context.clock().timestamp())


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _is(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


class _HungUp(Response):
    """Announces a body and sends none: the server then has to close the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """ASGI."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
