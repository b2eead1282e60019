"""Routes as an operator writes them, one for each dependency; loaded by MCP_AUTH_ROUTES."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request, WebSocket
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mcp_auth.principal import Principal
from mcp_auth.rest import (
    UserSnapshot,
    get_current_active_user,
    get_current_admin,
    get_current_admin_ws,
    get_current_agent,
    get_current_service,
    get_current_user,
    get_current_user_cached,
    get_current_user_optional,
    get_current_user_sse,
    get_current_user_sse_or_token,
    get_current_user_ws,
    require_aal2,
    while_permitted,
)
from mcp_auth.users.models import User


async def plain(request: Request) -> Response:
    user = await get_current_active_user(request)
    return JSONResponse({"id": user.id, "state": request.state.user_id})


async def ticks(seconds: float) -> AsyncIterator[str]:
    """An event at once, and one after each pause."""
    while True:
        yield "data: tick\n\n"
        await asyncio.sleep(seconds)


async def one_event(user: User) -> AsyncIterator[str]:
    yield f"data: {user.id}\n\n"


def add_routes(api: FastAPI) -> None:
    @api.get("/v1/try/user")
    async def user(request: Request, user: Annotated[User, Depends(get_current_user)]) -> dict[str, str]:
        return {"id": user.id, "state": request.state.user_id}

    @api.get("/v1/try/active")
    async def active(user: Annotated[User, Depends(get_current_active_user)]) -> dict[str, str]:
        return {"id": user.id}

    @api.get("/v1/try/optional")
    async def optional(user: Annotated[User | None, Depends(get_current_user_optional)]) -> dict[str, str | None]:
        return {"id": None if user is None else user.id}

    @api.get("/v1/try/agent")
    async def agent(user: Annotated[User, Depends(get_current_agent)]) -> dict[str, str]:
        return {"id": user.id}

    @api.get("/v1/try/admin")
    async def admin(user: Annotated[User, Depends(get_current_admin)]) -> dict[str, str]:
        return {"id": user.id}

    @api.get("/v1/try/cached")
    async def cached(user: Annotated[UserSnapshot, Depends(get_current_user_cached)]) -> dict[str, object]:
        return {"id": user.id, "subject": user.subject, "role": user.role, "is_active": user.is_active}

    @api.get("/v1/try/service")
    async def service(request: Request, name: Annotated[str, Depends(get_current_service)]) -> dict[str, str]:
        return {"name": name, "state": request.state.service}

    @api.get("/v1/try/aal2")
    async def second_factor(principal: Annotated[Principal, Depends(require_aal2)]) -> dict[str, str]:
        return {"subject": principal.subject}

    @api.get("/v1/try/broken/{part}")
    async def broken(request: Request, user: Annotated[User, Depends(get_current_user)], part: str) -> None:
        secret = request.headers["authorization"]
        raise RuntimeError(f"{user.email} {part} {secret} {request.url}")

    @api.get("/v1/try/number")
    async def number(number: int) -> dict[str, int]:
        return {"number": number}

    @api.get("/v1/try/events")
    async def events(user: Annotated[User, Depends(get_current_user_sse)]) -> StreamingResponse:
        return StreamingResponse(one_event(user), media_type="text/event-stream")

    @api.get("/v1/try/endless")
    async def endless(request: Request, user: Annotated[User, Depends(get_current_user_sse)]) -> StreamingResponse:
        return StreamingResponse(while_permitted(request, user, ticks(0.05)), media_type="text/event-stream")

    @api.get("/v1/try/silent")
    async def silent(request: Request, user: Annotated[User, Depends(get_current_user_sse)]) -> StreamingResponse:
        return StreamingResponse(while_permitted(request, user, ticks(3600)), media_type="text/event-stream")

    @api.get("/v1/try/finite")
    async def finite(request: Request, user: Annotated[User, Depends(get_current_user_sse)]) -> StreamingResponse:
        return StreamingResponse(while_permitted(request, user, one_event(user)), media_type="text/event-stream")

    @api.websocket("/v1/try/endless-socket")
    async def endless_socket(websocket: WebSocket, user: Annotated[User, Depends(get_current_user_ws)]) -> None:
        await websocket.accept()
        async for text in while_permitted(websocket, user, websocket.iter_text()):
            await websocket.send_text(text)
        await websocket.close(4001)

    @api.get("/v1/try/events/{_topic}")
    async def events_of(_topic: str, user: Annotated[User, Depends(get_current_user_sse)]) -> StreamingResponse:
        return StreamingResponse(one_event(user), media_type="text/event-stream")

    @api.get("/v1/try/events-or-token")
    async def events_or_token(user: Annotated[User, Depends(get_current_user_sse_or_token)]) -> StreamingResponse:
        return StreamingResponse(one_event(user), media_type="text/event-stream")

    @api.websocket("/v1/try/socket")
    async def socket(websocket: WebSocket, user: Annotated[User, Depends(get_current_user_ws)]) -> None:
        await websocket.accept()
        await websocket.send_text(user.id)
        await websocket.close()

    @api.websocket("/v1/try/broken-socket")
    async def broken_socket(websocket: WebSocket) -> None:
        await websocket.accept()
        raise RuntimeError(websocket.url)

    @api.websocket("/v1/try/admin-socket")
    async def admin_socket(websocket: WebSocket, user: Annotated[User, Depends(get_current_admin_ws)]) -> None:
        await websocket.accept()
        await websocket.send_text(user.id)
        await websocket.close()

    api.router.routes.append(Route("/v1/try/plain", plain))
