"""The outermost layer. It adds to every response, errors included: CORS headers, a request id, security headers.

Being outermost, it lets browser clients read refusals (401, 429, 500) as well. Checks Host, Origin and the request
limit. Pure ASGI, since every request passes it."""

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from oauth.foundation.credentials import Entropy
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import RequestContext, attach, context_of
from oauth.protocol.route_table import Cors, RouteEntry, RouteTable
from servers.edge.rate_limit import RateLimiter, network_of
from servers.observability.log import current_scope

log = structlog.get_logger()

Headers = list[tuple[bytes, bytes]]
# Status, headers and body of the response to a request that does not reach the application.
Refusal = tuple[int, Headers, bytes]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}")
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9\-, ]{1,1024}")
_EXPOSED = (
    b"access-control-expose-headers",
    b"WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version, Retry-After, DPoP-Nonce, X-Request-ID",
)
_FOR_ALL_ORIGINS: Headers = [(b"access-control-allow-origin", b"*"), _EXPOSED]
_BY_ORIGIN: Headers = [(b"vary", b"Origin")]
_PREFLIGHT_MAX_AGE = b"600"
_UNAUTHORIZED = 401
_INTERNAL_ERROR = 1011  # RFC 6455 §7.4.1


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What the edge checks requests against.

    public_url: the address that refusals name.
    hosts: accepted Host headers, in lower case.
    origins: accepted origins of browser clients; `*` accepts all.
    loopback_origins: whether pages on loopback addresses may call.
    routes: every path of the application.
    hops: number of trusted reverse proxies in front."""

    public_url: str
    hosts: frozenset[bytes]
    origins: frozenset[bytes]
    loopback_origins: bool
    routes: RouteTable
    hops: int


class Edge:
    """Wraps the application.

    limiter: None for no request limit.
    on_refusal: called with each request that is refused here, and with each that an internal error ended."""

    def __init__(
        self,
        app: ASGIApp,
        settings: EdgeSettings,
        entropy: Entropy,
        limiter: RateLimiter | None,
        on_refusal: Callable[[Scope, ReasonCode], None],
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._on_refusal = on_refusal
        self._settings = settings
        # A request id is unique over all nodes. It is no secret, so a counter is enough.
        self._process = entropy(6).hex().encode()
        self._count = itertools.count(1)
        self._common: Headers = [(b"x-content-type-options", b"nosniff")]
        if settings.public_url.startswith("https://"):
            self._common.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        host = origin = request_id = credential = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"x-request-id":
                request_id = value
            elif name == b"authorization":
                credential = value
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = b"%s-%x" % (self._process, next(self._count))
        address = client_address(scope, self._settings.hops)
        entry = self._settings.routes.find(scope["path"]) or _UNKNOWN_PATH
        context = RequestContext(request_id.decode(), address, network_of(address), entry.step)
        attach(scope, context)
        # A copy: the server may share its state between requests. Mounted applications see this one as well.
        scope["state"] = dict(scope.get("state", ()))
        current_scope.set(scope)
        added = [*self._common, (b"x-request-id", request_id)]
        if scope["type"] == "websocket":
            await self._open_socket(scope, receive, send, host, added, entry)
            return
        refusal = self._check_host(scope, host, entry) or self._check_origin(scope, origin, entry.cors, added)
        limiter = self._limiter if entry.is_checked else None
        if refusal is None and limiter is not None:
            refusal = self._check_limit(scope, limiter.admit(credential, context.client_network))
        started = False

        async def send_added(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if limiter is not None:
                    _count_request(limiter, context, credential, message["status"])
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        if refusal is not None:
            limiter = None
            await _send_response(send_added, *refusal)
            return
        try:
            await self._app(scope, receive, send_added)
        except ClientDisconnect:
            # The client disconnected while it sent its request. There is no one to answer, and no error here.
            log.info("client_gone", path=scope["path"])
        except Exception:
            log.exception("unhandled_error", path=scope["path"])
            self._on_refusal(scope, ReasonCode.UNHANDLED_ERROR)
            if not started:
                await _send_response(send_added, 500, _JSON, _internal_error_body(context.request_id))

    async def _open_socket(
        self, scope: Scope, receive: Receive, send: Send, host: bytes | None, added: Headers, entry: RouteEntry
    ) -> None:
        """Serve a WebSocket. Origin is not checked, since no browser adds by itself the credential that opens one."""
        refusal = self._check_host(scope, host, entry)
        if refusal is None and self._limiter is not None:
            refusal = self._check_limit(scope, self._limiter.admit(None, context_of(scope).client_network))
        if refusal is not None:

            async def deny(message: Message) -> None:
                await send({**message, "type": f"websocket.{message['type']}"})

            status, headers, body = refusal
            await _send_response(deny, status, [*headers, *added], body)
            return
        try:
            await self._app(scope, receive, send)
        except WebSocketDisconnect:
            log.info("client_gone", path=scope["path"])
        except Exception:
            log.exception("unhandled_error", path=scope["path"])
            self._on_refusal(scope, ReasonCode.UNHANDLED_ERROR)
            with contextlib.suppress(RuntimeError):  # closed already
                await send({"type": "websocket.close", "code": _INTERNAL_ERROR})

    def _check_host(self, scope: Scope, host: bytes | None, entry: RouteEntry) -> Refusal | None:
        settings = self._settings
        # RFC 9110 §4.2.3: host names are case-insensitive.
        if (host is not None and host.lower() in settings.hosts) or not entry.is_checked:
            return None
        self._record_refusal(scope, ReasonCode.HOST_UNKNOWN)
        return 421, _TEXT, f"This server is {settings.public_url}; the request named another host.\n".encode()

    def _check_origin(self, scope: Scope, origin: bytes | None, cors: Cors, added: Headers) -> Refusal | None:
        """Add the CORS headers. → a response, where the request does not reach the application."""
        if cors is Cors.NOBODY:
            return None
        is_public = cors is Cors.PUBLIC
        # Added without an Origin as well: a cache may give a page the response that a program got.
        added += _FOR_ALL_ORIGINS if is_public else _BY_ORIGIN
        if origin is None:
            return None
        allowed = is_public or self._allows_origin(origin)
        if not allowed and cors is Cors.ALLOWED_ORIGINS_ONLY:
            self._record_refusal(scope, ReasonCode.ORIGIN_NOT_ALLOWED)
            return 403, _TEXT, _ORIGIN_REFUSED
        if not allowed:
            return None
        if not is_public:
            added += [(b"access-control-allow-origin", origin), _EXPOSED]
        if scope["method"] == "OPTIONS":
            return 204, _preflight_headers(scope["headers"]), b""
        return None

    def _check_limit(self, scope: Scope, seconds: int | None) -> Refusal | None:
        """429 in the error format of the path, where there are seconds to wait."""
        if seconds is None:
            return None
        self._record_refusal(scope, ReasonCode.RATE_LIMITED)
        sentence = f"Too many requests. Try again in {seconds} seconds."
        body = (
            {"error": {"code": "RATE_LIMITED", "message": sentence}}
            if scope["path"].startswith("/api/")
            else {"error": "temporarily_unavailable", "error_description": sentence}
        )
        return 429, [*_JSON, (b"retry-after", str(seconds).encode())], json.dumps(body).encode()

    def _record_refusal(self, scope: Scope, reason: ReasonCode) -> None:
        log.info("request_refused", reason=reason, path=scope["path"])
        self._on_refusal(scope, reason)

    def _allows_origin(self, origin: bytes) -> bool:
        settings = self._settings
        return (
            origin in settings.origins
            or b"*" in settings.origins
            or (settings.loopback_origins and _LOOPBACK_ORIGIN.fullmatch(origin) is not None)
        )


def client_address(scope: Scope, hops: int) -> str:
    """The address of the caller: the peer, or what the outermost of `hops` trusted proxies added to X-Forwarded-For.

    Entries before that one are ignored, since the caller can invent them."""
    peer = scope.get("client")
    address = str(peer[0]) if peer else ""
    if hops == 0:
        return address
    forwarded = ",".join(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
    ).split(",")
    addresses = [part.strip() for part in forwarded if part.strip()]
    return addresses[-hops] if len(addresses) >= hops else address


def _count_request(limiter: RateLimiter, context: RequestContext, credential: bytes | None, status: int) -> None:
    """Count the request for the caller that it proved to be from."""
    network = context.client_network
    if context.is_served:
        limiter.settle_served(credential, network, caller=context.served_caller)
    elif credential is not None:
        limiter.settle(credential, network, caller=context.caller, refused=status == _UNAUTHORIZED)


def _preflight_headers(headers: Iterable[Sequence[bytes]]) -> Headers:
    """Allow all methods and every requested header: the token decides about access, not the browser."""
    requested = next((value for name, value in headers if name == b"access-control-request-headers"), b"")
    return [
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
        (
            b"access-control-allow-headers",
            requested if _HEADER_NAMES.fullmatch(requested) else b"Authorization, Content-Type",
        ),
        (b"access-control-max-age", _PREFLIGHT_MAX_AGE),
    ]


async def _send_response(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = [(b"content-length", str(len(body)).encode())] if body else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


def _internal_error_body(request_id: str) -> bytes:
    return (
        '{"error":"server_error","error_description":"Something went wrong here. '
        f'Tell the people who run this service the request id {request_id}."}}'
    ).encode()


_UNKNOWN_PATH = RouteEntry("", frozenset())
_TEXT: Headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
_JSON: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_ORIGIN_REFUSED = (
    b"This server does not take requests from web pages of this origin. "
    b"Its operator can add the origin to MCP_AUTH_ALLOWED_ORIGINS.\n"
)
_LOOPBACK_ORIGIN = re.compile(rb"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
