"""Finds the route of a request by lookup instead of by trial, and answers requests that no route takes."""

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
    """Looks up the route where exactly one has the path. Passes the rest to the application, which tries each route.

    `Edge` handles the errors of both."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._routes: dict[str, Route] = {}

    def set_routes(self, routes: Sequence[BaseRoute]) -> None:
        """Set the routes, which exist only after start-up."""
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
    """Handlers by status for requests that no route takes. They send one sentence: text for browsers, else JSON."""

    async def not_found(request: Request, _: Exception) -> Response:
        sentence = f"There is nothing at this address. MCP clients connect to {public_url}{USER_PATH}."
        return _render_error(request, 404, "not_found", sentence)

    async def method_not_allowed(request: Request, error: Exception) -> Response:
        methods = ", ".join(sorted(_allowed_methods(error)))
        sentence = f"This address takes {methods}, not {request.method}."
        return _render_error(request, 405, "method_not_allowed", sentence, {"Allow": methods})

    async def internal_error(_: Request, error: Exception) -> Response:
        raise error  # Edge logs and answers it

    return {404: not_found, 405: method_not_allowed, 500: internal_error}


def _allowed_methods(error: Exception) -> list[str]:
    headers = error.headers if isinstance(error, HTTPException) else None
    return (headers or {}).get("Allow", "").split(", ")


def _render_error(
    request: Request, status: int, code: str, sentence: str, headers: Mapping[str, str] = _NO_HEADERS
) -> Response:
    headers = {"Cache-Control": "no-store", **headers}
    if "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse(f"{sentence}\n", status, headers)
    return JSONResponse({"error": code, "error_description": sentence}, status, headers)


class PostOnly:
    """An MCP endpoint without streams of its own: GET and DELETE get 405 (MCP, Streamable HTTP, in every revision)."""

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
        # Serve `/mcp/` as `/mcp`: on a redirect, clients drop the Authorization header or fall back to http.
        await self._app({**scope, "path": self._path, "raw_path": self._path.encode()}, receive, send)


def mcp_routes(path: str, endpoint: ASGIApp) -> list[BaseRoute]:
    """The routes of an MCP endpoint, with and without a trailing slash."""
    return [Route(path, endpoint), Route(f"{path}/", endpoint)]
