"""Server-sent events: `?token=` first, then the header (SEED-15).

Every read and write takes a connection of the pool for itself and gives it back, so a stream that lasts holds none."""

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
    """The active user of a stream. `?token=`: a ticket from POST /api/v1/auth/stream-ticket, and nothing else."""
    return await stream_user(request, takes_access_token=False)


@with_bearer_token
async def get_current_user_sse_or_token(request: Request) -> User:
    """The same for a route that also takes an access token in `?token=`.

    URLs are written down in many places: choose this only for clients that cannot get a ticket."""
    return await stream_user(request, takes_access_token=True)


async def stream_user(connection: HTTPConnection, *, takes_access_token: bool) -> User:
    """The active user whom the query or the header proves. Raises ApiError."""
    given = connection.query_params.getlist("token")
    if not given:
        return check_active(await load_user(connection, presented_token(connection)))
    authentication = authentication_of(connection)
    if len(given) > 1:
        raise invalid_token(authentication.resource, "There must be one token.")
    if takes_access_token and not given[0].startswith(PREFIX):
        return check_active(await load_user(connection, Credentials(given[0])))
    try:
        subject = await authentication.tickets.redeem(given[0], connection.scope["path"])
    except Outage as outage:
        raise outage_error(outage) from outage
    if subject is None:
        raise invalid_token(authentication.resource, "The ticket is used up, has expired, or is for another path.")
    return check_active(await load_row(connection, subject))
