"""How a request finds what serves it, without asking one route after the other, and what it is told if not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

from servers.configuration.resources import USER_PATH

_NO_HEADERS: Mapping[str, str] = {}


class DirectRouter:
    """Finds the route of a path that only one route has by looking it up; the rest is left to the application, which
    asks one route after the other. Errors are the Edge's affair in either case."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._routes: dict[str, Route] = {}

    def fill(self, routes: Sequence[BaseRoute]) -> None:
        """Once they are there."""
        paths = Counter(route.path for route in routes if isinstance(route, Route))
        self._routes = {
            route.path: route
            for route in routes
            if isinstance(route, Route) and paths[route.path] == 1 and not route.param_convertors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is not None and route.methods is not None and scope["method"] not in route.methods:
            route = None
        await (self._app if route is None else route.handle)(scope, receive, send)


def exception_handlers(public_url: str) -> Mapping[Any, ExceptionHandler]:
    """Answers for what no route takes, by status: a sentence, as JSON for programs."""

    async def not_found(request: Request, _: Exception) -> Response:
        told = f"There is nothing at this address. MCP clients connect to {public_url}{USER_PATH}."
        return _told(request, 404, "not_found", told)

    async def method_not_allowed(request: Request, error: Exception) -> Response:
        methods = ", ".join(sorted(_allowed(error)))
        told = f"This address takes {methods}, not {request.method}."
        return _told(request, 405, "method_not_allowed", told, {"Allow": methods})

    async def broken(_: Request, error: Exception) -> Response:
        raise error  # the Edge answers, and has it in the log

    return {404: not_found, 405: method_not_allowed, 500: broken}


def _allowed(error: Exception) -> list[str]:
    headers = error.headers if isinstance(error, HTTPException) else None
    return (headers or {}).get("Allow", "").split(", ")


def _told(
    request: Request, status: int, code: str, sentence: str, headers: Mapping[str, str] = _NO_HEADERS
) -> Response:
    kept = {"Cache-Control": "no-store", **headers}
    if "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse(f"{sentence}\n", status, kept)
    return JSONResponse({"error": code, "error_description": sentence}, status, kept)


class PostOnly:
    """An MCP endpoint without streams of its own: GET and DELETE are 405 in every revision (STD-38)."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for the scope type `http`."""
        if scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST", "Cache-Control": "no-store"})(
                scope, receive, send
            )
            return
        # `/mcp/` is served as `/mcp`, without a redirect that would drop the Authorization header (P-18).
        await self._app({**scope, "path": self._path, "raw_path": self._path.encode()}, receive, send)


def mcp_routes(path: str, endpoint: ASGIApp) -> list[BaseRoute]:
    """Of an MCP endpoint, with and without a slash at the end."""
    return [Route(path, endpoint), Route(f"{path}/", endpoint)]
