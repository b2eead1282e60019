"""Bearer authentication for REST routes, as FastAPI dependencies and for plain Starlette handlers (SEED-10).

    @app.get("/things")
    async def things(user: Annotated[User, Depends(get_current_user)]) -> ...

The application carries a RestAuthentication in `app.state.rest_authentication`; `ApiError` is answered by
`api_error_response`, which the application registers as its handler."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from mcp_auth import challenge
from mcp_auth.guard import Verify
from mcp_auth.principal import Principal
from mcp_auth.rejection import Rejection
from mcp_auth.users.models import User
from mcp_auth.users.store import UserStore
from oauth.outages import RETRY_AFTER_SECONDS, Outage, StoreUnavailable
from oauth.resources import Resource, covers

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RestAuthentication:
    """What the dependencies need: the REST resource, its verifier's `verify`, and the users."""

    resource: Resource
    verify: Verify
    users: UserStore


class ApiError(Exception):
    """An answer other than success: `{"error": {"code", "message"}}`."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


async def api_error_response(_: Request, error: Exception) -> JSONResponse:
    """The handler for ApiError, and for an Outage that surfaces in a route."""
    if isinstance(error, Outage):
        error = _outage(error)
    if not isinstance(error, ApiError):
        raise error
    return JSONResponse(
        {"error": {"code": error.code, "message": error.message}},
        error.status,
        {"Cache-Control": "no-store", **error.headers},
    )


async def get_current_principal(request: Request) -> Principal:
    """The caller. ApiError 401 without a good token, 403 without the scope, 503 when nobody can tell (SEED-7)."""
    authentication: RestAuthentication = request.app.state.rest_authentication
    resource = authentication.resource
    token = _bearer_token(request, resource)
    try:
        principal = await authentication.verify(token)
    except Outage as outage:
        log.warning("outage", path=request.url.path, kind=type(outage).__name__, cause=str(outage))
        raise _outage(outage) from outage
    if isinstance(principal, Rejection):
        log.info("token_rejected", resource=resource.path, reason=principal.reason)
        header = challenge.invalid_token(resource, principal.description)
        raise ApiError(401, "TOKEN_INVALID", principal.description, {"WWW-Authenticate": header})
    if not covers(principal.scopes, resource.baseline):
        message = "The access token lacks scope for the API."
        header = challenge.insufficient_scope(resource, resource.baseline, message)
        raise ApiError(403, "INSUFFICIENT_SCOPE", message, {"WWW-Authenticate": header})
    return principal


async def get_current_user(request: Request) -> User:
    """The local row of the caller; also sets `request.state.user_id`. Raises as get_current_principal does."""
    principal = await get_current_principal(request)
    authentication: RestAuthentication = request.app.state.rest_authentication
    try:
        user = await authentication.users.get(principal.subject)
    except Outage as outage:
        raise _outage(outage) from outage
    if user is None:
        header = challenge.invalid_token(authentication.resource, "The account no longer exists.")
        raise ApiError(401, "TOKEN_INVALID", "The account no longer exists.", {"WWW-Authenticate": header})
    request.state.user_id = user.id
    return user


def _bearer_token(request: Request, resource: Resource) -> str:
    sent = request.headers.getlist("authorization")
    header = {"WWW-Authenticate": challenge.unauthenticated(resource)}
    if not sent:
        raise ApiError(401, "AUTH_HEADER_MISSING", "An Authorization header is required.", header)
    scheme, _, token = sent[0].partition(" ")
    if len(sent) > 1 or not scheme:
        raise ApiError(401, "INVALID_AUTH_HEADER", "There must be one Authorization header.", header)
    if scheme.lower() != "bearer":
        raise ApiError(401, "INVALID_AUTH_SCHEME", "The Authorization header must use Bearer.", header)
    if not token.strip() or " " in token.strip():
        raise ApiError(
            401, "INVALID_AUTH_HEADER", "The Authorization header must be: Bearer, a space, a token.", header
        )
    return token.strip()


def _outage(outage: Outage) -> ApiError:
    code = "AUTH_DB_UNAVAILABLE" if isinstance(outage, StoreUnavailable) else "AUTH_PROVIDER_UNREACHABLE"
    message = "The request cannot be authenticated right now. Repeat it in a few seconds."
    return ApiError(503, code, message, {"Retry-After": str(RETRY_AFTER_SECONDS)})
