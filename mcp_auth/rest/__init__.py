"""Bearer authentication for REST routes: FastAPI dependencies that plain Starlette handlers can await.

    @router.get("/things")
    async def things(user: Annotated[User, Depends(get_current_active_user)]) -> list[Thing]: ...

    async def things(request: Request) -> Response:
        user = await get_current_active_user(request)

The application carries a RestAuthentication in `app.state.rest_authentication` and answers ApiError and Outage with
`api_error_response`; `install` does both."""

from mcp_auth.rest.context import RestAuthentication
from mcp_auth.rest.dependencies import (
    UserSnapshot,
    get_current_active_user,
    get_current_admin,
    get_current_agent,
    get_current_person,
    get_current_principal,
    get_current_service,
    get_current_user,
    get_current_user_cached,
    get_current_user_optional,
    require_aal2,
)
from mcp_auth.rest.errors import ApiError, api_error_response, install
from mcp_auth.rest.long_lived import while_permitted
from mcp_auth.rest.streams import get_current_user_sse, get_current_user_sse_or_token
from mcp_auth.rest.websockets import get_current_admin_ws, get_current_agent_ws, get_current_user_ws

__all__ = [
    "ApiError",
    "RestAuthentication",
    "UserSnapshot",
    "api_error_response",
    "get_current_active_user",
    "get_current_admin",
    "get_current_admin_ws",
    "get_current_agent",
    "get_current_agent_ws",
    "get_current_person",
    "get_current_principal",
    "get_current_service",
    "get_current_user",
    "get_current_user_cached",
    "get_current_user_optional",
    "get_current_user_sse",
    "get_current_user_sse_or_token",
    "get_current_user_ws",
    "install",
    "require_aal2",
    "while_permitted",
]
