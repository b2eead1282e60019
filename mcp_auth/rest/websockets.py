"""The dependencies for WebSockets: a ticket in `?token=`, or the Authorization header of clients that can send one.

A browser sees no reason for a handshake that fails. So a refused socket is accepted and then closed with a code: 4001
the token is not valid, 4003 the person lacks permission, 1013 try again later."""

from starlette.exceptions import WebSocketException
from starlette.websockets import WebSocket

from mcp_auth.rest.dependencies import check_role
from mcp_auth.rest.errors import ApiError
from mcp_auth.rest.streams import stream_user
from mcp_auth.users.models import User
from oauth.foundation.vocabulary import Role

CLOSE_CODES = {401: 4001, 403: 4003}
TRY_AGAIN_LATER = 1013


async def get_current_user_ws(websocket: WebSocket) -> User:
    """→ the active user; the route still has to accept the socket. Raises WebSocketException, which closes it."""
    return await _authenticate(websocket, None)


async def get_current_agent_ws(websocket: WebSocket) -> User:
    """As get_current_user_ws, for the role `agent`."""
    return await _authenticate(websocket, Role.AGENT)


async def get_current_admin_ws(websocket: WebSocket) -> User:
    """As get_current_user_ws, for the role `admin`."""
    return await _authenticate(websocket, Role.ADMIN)


async def _authenticate(websocket: WebSocket, role: Role | None) -> User:
    try:
        user = await stream_user(websocket, takes_access_token=False)
        return user if role is None else check_role(user, role)
    except ApiError as error:
        # A browser that offers subprotocols fails a handshake that selects none of them.
        await websocket.accept(next(iter(websocket.scope.get("subprotocols", ())), None))
        raise WebSocketException(CLOSE_CODES.get(error.status, TRY_AGAIN_LATER), error.code) from error
