"""WebSockets: a ticket in `?token=`, or the header where the client can send one (SEED-16).

A refusal before the handshake ends would reach a browser as a failure without a reason. So it is completed first, and
then closed with a code: 4001 the token is no good, 4003 the person may not, 1013 try again later."""

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
    """The active user; the socket is not accepted yet. Raises WebSocketException, by which it is closed."""
    return await _admit(websocket, None)


async def get_current_agent_ws(websocket: WebSocket) -> User:
    """The same with the role `agent`."""
    return await _admit(websocket, Role.AGENT)


async def get_current_admin_ws(websocket: WebSocket) -> User:
    """The same with the role `admin`."""
    return await _admit(websocket, Role.ADMIN)


async def _admit(websocket: WebSocket, role: Role | None) -> User:
    try:
        user = await stream_user(websocket, takes_access_token=False)
        return user if role is None else check_role(user, role)
    except ApiError as error:
        # A browser that offered subprotocols takes no handshake without one.
        await websocket.accept(next(iter(websocket.scope.get("subprotocols", ())), None))
        raise WebSocketException(CLOSE_CODES.get(error.status, TRY_AGAIN_LATER), error.code) from error
