"""The dependencies that authenticate the caller of a route. Each works with `Depends` and with a plain `await`."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from starlette.requests import HTTPConnection, Request

from mcp_auth import challenge, rejection, service_keys
from mcp_auth.authentication import Credentials, Denial, Unusable, read_credentials
from mcp_auth.principal import Principal, TokenKind
from mcp_auth.rejection import USER_INACTIVE
from mcp_auth.rest.context import RestAuthentication
from mcp_auth.rest.errors import UNAVAILABLE, ApiError, outage_error
from mcp_auth.rest.openapi import with_api_key, with_bearer_token
from mcp_auth.users.models import User
from oauth.foundation.outages import Outage, ProviderUnavailable, StoreUnavailable
from oauth.foundation.reason_codes import Reason
from oauth.foundation.vocabulary import AAL2, Role, Subject
from oauth.protocol.resources import Resource

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class UserSnapshot:
    """A user as get_current_user_cached gives it, at most a minute old (D-14).

    id: the local id.
    subject: the Supabase user id.
    role: the role in the local row.
    is_active: always True; an inactive user gets 403 instead."""

    id: str
    subject: Subject
    role: Role
    is_active: bool


@with_bearer_token
async def get_current_principal(request: Request) -> Principal:
    """→ the caller, a person or a machine. Raises ApiError: 401 without a valid token, 403 without the scope or for an
    inactive user, 503 when Supabase or the database does not answer (D-16)."""
    return await authenticate(request, presented_token(request))


@with_bearer_token
async def get_current_person(request: Request) -> Principal:
    """As get_current_principal; 403 PERSON_REQUIRED for a machine."""
    principal = await get_current_principal(request)
    if principal.is_machine:
        raise _person_required()
    return principal


@with_bearer_token
async def get_current_user(request: Request) -> User:
    """→ the caller's local row. Creates it at the first visit, fills in identifiers that were verified later, and sets
    `request.state.user_id`."""
    return await load_user(request, presented_token(request))


@with_bearer_token
async def get_current_active_user(request: Request) -> User:
    """As get_current_user; 403 USER_INACTIVE if the row as read now is not active."""
    return check_active(await get_current_user(request))


@with_bearer_token
async def get_current_user_optional(request: Request) -> User | None:
    """As get_current_active_user, but None for every refusal: no token, a bad one, an inactive user, an outage."""
    if "authorization" not in request.headers:
        return None
    try:
        return await get_current_active_user(request)
    except ApiError as error:
        log.info("treated_as_guest", path=request.url.path, code=error.code)
        return None


@with_bearer_token
async def get_current_agent(request: Request) -> User:
    """→ an active user with the role `agent`; others get 403 AGENT_REQUIRED."""
    return check_role(await get_current_active_user(request), Role.AGENT)


@with_bearer_token
async def get_current_admin(request: Request) -> User:
    """→ an active user with the role `admin`; others get 403 ADMIN_REQUIRED."""
    return check_role(await get_current_active_user(request), Role.ADMIN)


@with_bearer_token
async def get_current_user_cached(request: Request) -> UserSnapshot:
    """→ the caller without a read of the database, for routes with many calls.

    A change of the role counts at once in the process that makes it, and within 60 s otherwise (D-14)."""
    principal = await get_current_principal(request)
    if principal.role is None:
        raise _person_required()
    authentication = authentication_of(request)
    try:
        user_id = await authentication.user_ids.get(principal.subject)
    except Outage as outage:
        raise outage_error(outage) from outage
    if user_id is None:
        raise _no_account(authentication.resource)
    request.state.user_id = user_id
    return UserSnapshot(user_id, principal.subject, principal.role, is_active=True)


@with_bearer_token
async def require_aal2(request: Request) -> Principal:
    """→ a person whose sign-in used a second factor; others get 401 AAL2_REQUIRED with the challenge of RFC 9470 §3."""
    principal = await get_current_person(request)
    if principal.acr != AAL2:
        raise _second_factor_required(authentication_of(request).resource)
    return principal


@with_api_key
async def get_current_service(request: Request) -> str:
    """→ the name of the service whose `x-api-key` was sent; 401 API_KEY_MISSING or API_KEY_INVALID otherwise."""
    keys = request.headers.getlist(service_keys.HEADER)
    # RFC 9110 §11.6.1: a 401 names a scheme. None is registered for API keys.
    header = {"WWW-Authenticate": "ApiKey"}
    if not keys:
        raise ApiError(401, "API_KEY_MISSING", "This is for services: send your key in the x-api-key header.", header)
    name = authentication_of(request).service_keys.find_service(keys[0]) if len(keys) == 1 else None
    if name is None:
        log.info("api_key_rejected", path=request.url.path)
        raise ApiError(401, "API_KEY_INVALID", "The API key is not one of this service's.", header)
    request.state.service = name
    return name


# -- steps that streams and WebSockets share


def authentication_of(connection: HTTPConnection) -> RestAuthentication:
    """→ what `install` stored in the application."""
    authentication: RestAuthentication = connection.app.state.rest_authentication
    return authentication


def presented_token(connection: HTTPConnection) -> Credentials | Unusable:
    """→ the credentials in the Authorization header. A token with a space in it is malformed (RFC 6750 §2.1)."""
    presented = read_credentials(connection.scope["headers"])
    has_space = isinstance(presented, Credentials) and " " in presented.token
    return Unusable.MALFORMED if has_space else presented


async def authenticate(connection: HTTPConnection, presented: Credentials | Unusable) -> Principal:
    """See get_current_principal."""
    outcome = await authentication_of(connection).authenticator.authenticate(connection.scope, presented)
    if isinstance(outcome, Denial):
        raise _render_denial(outcome)
    return outcome


def _render_denial(denial: Denial) -> ApiError:
    """→ the denial with the codes of the REST API."""
    if denial.reason == USER_INACTIVE:
        # 403 instead of 401: the token is valid, and another sign-in would not help.
        return _user_inactive()
    code = _CODES.get(denial.reason) or _STATUS_CODES[denial.status]
    headers: dict[str, str] = {}
    for name, value in denial.headers:
        # RFC 9110 §5.3: both challenges in one field. Bearer comes first, for clients that know only Bearer.
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return ApiError(denial.status, code, _MESSAGES.get(denial.reason, denial.description), headers)


async def load_user(connection: HTTPConnection, presented: Credentials | Unusable) -> User:
    """See get_current_user."""
    principal = await authenticate(connection, presented)
    if principal.is_machine:
        raise _person_required()
    user = await load_row(connection, principal.subject)
    if principal.kind is TokenKind.SUPABASE and isinstance(presented, Credentials):
        user = await authentication_of(connection).identifier_sync.fill(user, presented.token)
    return user


async def load_row(connection: HTTPConnection, subject: Subject) -> User:
    """→ the row of an authenticated person. Raises ApiError: 401 if the row is missing or deleted, 503 in an outage."""
    authentication = authentication_of(connection)
    try:
        user = await authentication.users.get(subject)
    except Outage as outage:
        raise outage_error(outage) from outage
    if user is None or user.deleted_at is not None:
        raise _no_account(authentication.resource)
    connection.state.user_id = user.id
    return user


def check_active(user: User) -> User:
    """→ the user, if active. Raises ApiError 403 otherwise."""
    if not user.is_active:
        raise _user_inactive()
    return user


def check_role(user: User, role: Role) -> User:
    """→ the user, if it has exactly this role. Raises ApiError 403 otherwise."""
    if user.role is not role:
        log.info("role_required", role=role, user_id=user.id)
        raise ApiError(403, f"{role.upper()}_REQUIRED", f"This needs the role {role}.")
    return user


def invalid_token(resource: Resource, description: str) -> ApiError:
    """→ the 401 for a token or ticket that is not valid. description: a fixed sentence, without quotes."""
    header = challenge.invalid_token_challenge(resource, description)
    return ApiError(401, "TOKEN_INVALID", description, {"WWW-Authenticate": header})


def _second_factor_required(resource: Resource) -> ApiError:
    message = rejection.SECOND_FACTOR.description
    return ApiError(
        401, "AAL2_REQUIRED", message, {"WWW-Authenticate": challenge.insufficient_authentication_challenge(resource)}
    )


def _no_account(resource: Resource) -> ApiError:
    return invalid_token(resource, "The account no longer exists.")


def _person_required() -> ApiError:
    return ApiError(403, "PERSON_REQUIRED", "This is for people: a client that acts for itself has no account.")


_CODES: Mapping[Reason | Unusable, str] = {
    Unusable.MISSING: "AUTH_HEADER_MISSING",
    Unusable.MALFORMED: "INVALID_AUTH_HEADER",
    Unusable.SCHEME: "INVALID_AUTH_SCHEME",
    rejection.SECOND_FACTOR.reason: "AAL2_REQUIRED",
    rejection.SCOPE_INSUFFICIENT.reason: "INSUFFICIENT_SCOPE",
    StoreUnavailable.reason: "AUTH_DB_UNAVAILABLE",
}
_MESSAGES: Mapping[Reason | Unusable, str] = {
    Unusable.MISSING: "An Authorization header is required.",
    Unusable.MALFORMED: "There must be one Authorization header: Bearer, a space, a token.",
    Unusable.SCHEME: "The Authorization header must use Bearer.",
    StoreUnavailable.reason: UNAVAILABLE,
    ProviderUnavailable.reason: UNAVAILABLE,
}
_STATUS_CODES = {401: "TOKEN_INVALID", 503: "AUTH_PROVIDER_UNREACHABLE"}


def _user_inactive() -> ApiError:
    return ApiError(403, "USER_INACTIVE", "The account is not active.")
