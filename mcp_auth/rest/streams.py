"""The dependencies for server-sent events: `?token=` first, then the Authorization header.

Each read or write takes a database connection and returns it, so an open stream holds none."""

from starlette.requests import HTTPConnection, Request

from mcp_auth.authentication import Credentials
from mcp_auth.rest.dependencies import (
    authentication_of,
    check_active,
    invalid_token,
    load_row,
    load_user,
    presented_token,
)
from mcp_auth.rest.errors import outage_error
from mcp_auth.rest.openapi import with_bearer_token
from mcp_auth.rest.tickets import PREFIX
from mcp_auth.users.models import User
from oauth.foundation.outages import Outage


@with_bearer_token
async def get_current_user_sse(request: Request) -> User:
    """→ the active user of a stream. `?token=` takes only a ticket from POST /api/v1/auth/stream-ticket."""
    return await stream_user(request, takes_access_token=False)


@with_bearer_token
async def get_current_user_sse_or_token(request: Request) -> User:
    """As get_current_user_sse, but `?token=` also takes an access token.

    URLs end up in logs and histories: use this only for clients that cannot get a ticket."""
    return await stream_user(request, takes_access_token=True)


async def stream_user(connection: HTTPConnection, *, takes_access_token: bool) -> User:
    """→ the active user, authenticated by the query or the header. Raises ApiError."""
    tokens = connection.query_params.getlist("token")
    if not tokens:
        return check_active(await load_user(connection, presented_token(connection)))
    authentication = authentication_of(connection)
    if len(tokens) > 1:
        raise invalid_token(authentication.resource, "There must be one token.")
    token = tokens[0]
    if takes_access_token and not token.startswith(PREFIX):
        return check_active(await load_user(connection, Credentials(token)))
    try:
        subject = await authentication.tickets.redeem(token, connection.scope["path"])
    except Outage as outage:
        raise outage_error(outage) from outage
    if subject is None:
        raise invalid_token(authentication.resource, "The ticket is used up, has expired, or is for another path.")
    return check_active(await load_row(connection, subject))
