"""How a request finds what serves it, without asking one route after the other."""

from collections import Counter
from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Direct:
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
        await (self._app if route is None else route.handle)(scope, receive, send)


class PostOnly:
    """An MCP endpoint without streams of its own: GET and DELETE are 405 in every revision (STD-38)."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for the scope type `http`."""
        if scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        # `/mcp/` is served as `/mcp`, without a redirect that would drop the Authorization header (P-18).
        await self._app({**scope, "path": self._path, "raw_path": self._path.encode()}, receive, send)


def mcp_routes(path: str, endpoint: ASGIApp) -> list[BaseRoute]:
    """Of an MCP endpoint, with and without a slash at the end."""
    return [Route(path, endpoint), Route(f"{path}/", endpoint)]
