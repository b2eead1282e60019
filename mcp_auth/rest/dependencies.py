"""Who is calling? One function a question, each usable with `Depends` and with a bare `await`."""

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
    """What a hot route needs of a user: true, or true less than a minute ago. Somebody inactive never has one."""

    id: str
    subject: Subject
    role: Role
    is_active: bool


@with_bearer_token
async def get_current_principal(request: Request) -> Principal:
    """What the token proves. ApiError 401 without a good token, 403 without the scope or for somebody who is not
    active, 503 when nobody can tell (SEED-7)."""
    return await authenticate(request, presented_token(request))


@with_bearer_token
async def get_current_person(request: Request) -> Principal:
    """The same for what only people can do; 403 PERSON_REQUIRED for a machine."""
    principal = await get_current_principal(request)
    if principal.is_machine:
        raise _person_required()
    return principal


@with_bearer_token
async def get_current_user(request: Request) -> User:
    """The local row of the caller, made and filled where need be; also sets `request.state.user_id` (SEED-10)."""
    return await load_user(request, presented_token(request))


@with_bearer_token
async def get_current_active_user(request: Request) -> User:
    """As get_current_user; 403 USER_INACTIVE by the row as it is now (SEED-11)."""
    return check_active(await get_current_user(request))


@with_bearer_token
async def get_current_user_optional(request: Request) -> User | None:
    """The caller; None without a token, with a bad one, and while nobody can tell (SEED-12)."""
    if "authorization" not in request.headers:
        return None
    try:
        return await get_current_active_user(request)
    except ApiError as error:
        log.info("treated_as_guest", path=request.url.path, code=error.code)
        return None


@with_bearer_token
async def get_current_agent(request: Request) -> User:
    """An active user with the role `agent`; others get 403 AGENT_REQUIRED (SEED-13)."""
    return check_role(await get_current_active_user(request), Role.AGENT)


@with_bearer_token
async def get_current_admin(request: Request) -> User:
    """An active user with the role `admin`; others get 403 ADMIN_REQUIRED (SEED-14)."""
    return check_role(await get_current_active_user(request), Role.ADMIN)


@with_bearer_token
async def get_current_user_cached(request: Request) -> UserSnapshot:
    """For hot routes: the caller without a read of the database (SEED-16).

    The role is as fresh as the verdict on the token: a change made here counts at once, others within 60 s (D-14)."""
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
    """A caller who has given a second factor; others get 401 AAL2_REQUIRED with RFC 9470's challenge."""
    principal = await get_current_person(request)
    if principal.acr != AAL2:
        raise _second_factor_required(authentication_of(request).resource)
    return principal


@with_api_key
async def get_current_service(request: Request) -> str:
    """The name of the service whose `x-api-key` was sent; 401 API_KEY_MISSING or API_KEY_INVALID (SEED-52)."""
    sent = request.headers.getlist(service_keys.HEADER)
    # RFC 9110 §11.6.1: a 401 names a scheme; there is no registered one for keys.
    header = {"WWW-Authenticate": "ApiKey"}
    if not sent:
        raise ApiError(401, "API_KEY_MISSING", "This is for services: send your key in the x-api-key header.", header)
    name = authentication_of(request).service_keys.find_service(sent[0]) if len(sent) == 1 else None
    if name is None:
        log.info("api_key_rejected", path=request.url.path)
        raise ApiError(401, "API_KEY_INVALID", "The API key is not one of this service's.", header)
    request.state.service = name
    return name


# -- the steps, shared with streams and WebSockets


def authentication_of(connection: HTTPConnection) -> RestAuthentication:
    """What the application was given by `install`."""
    authentication: RestAuthentication = connection.app.state.rest_authentication
    return authentication


def presented_token(connection: HTTPConnection) -> Credentials | Unusable:
    """What the Authorization header presents."""
    presented = read_credentials(connection.scope["headers"])
    is_split = isinstance(presented, Credentials) and " " in presented.token
    return Unusable.MALFORMED if is_split else presented


async def authenticate(connection: HTTPConnection, presented: Credentials | Unusable) -> Principal:
    """See get_current_principal."""
    outcome = await authentication_of(connection).authenticator.authenticate(connection.scope, presented)
    if isinstance(outcome, Denial):
        raise _spell(outcome)
    return outcome


def _spell(denial: Denial) -> ApiError:
    """A denial with the codes of the REST API."""
    if denial.reason == USER_INACTIVE:
        # The token is good: signing in again would not help.
        return _inactive()
    code = _CODES.get(denial.reason) or _STATUS_CODES[denial.status]
    headers: dict[str, str] = {}
    for name, value in denial.headers:
        # RFC 9110 §5.3: one line for both challenges; a client that knows only Bearer reads the first.
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
    """The row of somebody who is proven to call; ApiError 401 when there is none any more."""
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
    """ApiError 403 unless the row says so now."""
    if not user.is_active:
        raise _inactive()
    return user


def check_role(user: User, role: Role) -> User:
    """ApiError 403 unless it is exactly this role."""
    if user.role is not role:
        log.info("role_required", role=role, user_id=user.id)
        raise ApiError(403, f"{role.upper()}_REQUIRED", f"This needs the role {role}.")
    return user


def invalid_token(resource: Resource, description: str) -> ApiError:
    """A token or ticket was sent and is no good. description: of ours, without quotes."""
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


def _inactive() -> ApiError:
    return ApiError(403, "USER_INACTIVE", "The account is not active.")
