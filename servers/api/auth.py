"""/api/v1/auth: what apps need around signing in. Signing in itself is the Supabase SDK's affair (SEED-17)."""

from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from mcp_auth.principal import Principal
from mcp_auth.rest import ApiError, RestAuthentication, get_current_active_user, get_current_person
from mcp_auth.rest.tickets import LIFETIME
from mcp_auth.supabase.account_deletion import AccountDeletion
from mcp_auth.users.models import AuthMethod, User
from oauth.foundation.clock import Clock
from servers.api.deletion import delete_account

_MAX_BODY = 16 * 1024
# A path as it stands in a request, without a query; longer ones are nobody's.
_PATH = r'^/[!"$->@-~]{0,1023}$'


class AuthConfig(BaseModel):
    """What an app needs to offer Google's sign-in (SEED-20)."""

    google_web_client_id: str | None
    google_ios_client_id: str | None
    google_android_client_id: str | None


class LastMethod(BaseModel):
    """How the caller has just signed in."""

    method: AuthMethod


class StreamTicketRequest(BaseModel):
    """path: of the stream that is going to be opened, as it stands in the URL, without host and query."""

    path: Annotated[str, Field(pattern=_PATH)]


class StreamTicket(BaseModel):
    """ticket: good once, as `?token=`. expires_in: seconds."""

    ticket: str
    expires_in: int


def auth_router(
    config: AuthConfig, authentication: RestAuthentication, deletion: AccountDeletion | None, clock: Clock
) -> APIRouter:
    """deletion: None where there is no key to delete with."""
    router = APIRouter(prefix="/v1/auth", tags=["auth"], max_body_size=_MAX_BODY)

    @router.get("/config")
    async def read_config() -> AuthConfig:
        """Client ids of Google's sign-in; public."""
        return config

    @router.post("/delete-account", status_code=204)
    async def delete_my_account(
        request: Request, principal: Annotated[Principal, Depends(get_current_person)]
    ) -> Response:
        """Delete the account of whoever sent the access token, for good: `{"confirm": true}`. For mobile clients."""
        try:
            confirmed = await request.json() == {"confirm": True}
        except (ValueError, RecursionError):
            confirmed = False
        if not confirmed:
            raise ApiError(400, "CONFIRMATION_REQUIRED", 'Send {"confirm": true} to delete the account.')
        await delete_account(deletion, principal)
        return Response(status_code=204)

    @router.post("/last-method", status_code=204)
    async def remember_method(sent: LastMethod, user: Annotated[User, Depends(get_current_active_user)]) -> Response:
        """Remember how the caller signed in, to offer it first the next time."""
        if user.supabase_id is not None:
            await authentication.users.set_last_auth_method(user.supabase_id, sent.method, clock())
        return Response(status_code=204)

    @router.post("/stream-ticket")
    async def issue_ticket(
        sent: StreamTicketRequest,
        response: Response,
        principal: Annotated[Principal, Depends(get_current_person)],
    ) -> StreamTicket:
        """A ticket for an EventSource or a WebSocket, which cannot send an Authorization header."""
        response.headers["Cache-Control"] = "no-store"
        path = unquote(sent.path)
        if not path.isprintable():
            raise ApiError(422, "VALIDATION_FAILED", "The path names characters that no path has.")
        ticket = await authentication.tickets.issue(principal.subject, path)
        return StreamTicket(ticket=ticket, expires_in=int(LIFETIME.total_seconds()))

    return router
