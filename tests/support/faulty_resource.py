"""The MCP server of somebody else's deployment, with a tool that needs more than the first scope."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

Has = Callable[[str], bool]
# Tool → the scopes that it needs, and whether it says that it only reads.
_TOOLS = {"look": ("read", True), "report": ("read write", True), "change": ("read write", False)}


class FaultyResource:
    """called: tools that were called, in their order. ended: sessions that were."""

    def __init__(self, url: str, has: Has) -> None:
        self.url = url
        self.has = has
        self.called: list[str] = []
        self.ended: list[str | None] = []

    async def mcp(self, request: Request) -> Response:
        if self.has("redirect to a slash") and not request.url.path.endswith("/"):
            return RedirectResponse(f"{self.url}/mcp/", 302 if self.has("and makes it a GET") else 307)
        if self.has("redirect from a slash") and request.url.path.endswith("/"):
            return RedirectResponse(f"{self.url}/mcp", 307)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token.startswith("eyJ"):
            return self._stranger(token)
        if self.has("secrets are echoed"):
            return JSONResponse({"error": f"What is {token}?", "error_description": token}, 400)
        if self.has("own token refused"):
            return self._refused(401, error="invalid_token")
        if request.method == "DELETE":
            self.ended.append(request.headers.get("mcp-session-id"))
            return Response(status_code=204)
        asked = await request.json()
        if asked["method"].startswith("notifications/"):
            return Response(status_code=202)
        is_newer = request.headers.get("mcp-protocol-version") == "2026-07-28"
        repeated = (request.headers.get("mcp-method"), request.headers.get("mcp-name"))
        if is_newer and repeated != (asked["method"], asked["params"].get("name")):
            return JSONResponse({"error": {"code": -32020, "message": "header and body differ"}}, 400)
        if self.has("no newer era" if is_newer else "no handshake"):
            return JSONResponse({"error": {"code": -32022, "message": "no"}}, 400)
        is_call = not is_newer and asked["method"] != "initialize"
        if is_call and self.has("sessions") and request.headers.get("mcp-session-id") != "1":
            return JSONResponse({"error": "no session", "error_description": "No."}, 400)
        return self._answer(asked, set(_claims(token).get("scope", "").split()))

    def _stranger(self, token: str) -> Response:
        if self.has("guest instead of 401") or (token and self.has("bad token is a guest")):
            return JSONResponse({"jsonrpc": "2.0", "id": 1, "result": {}})
        if self.has("403 instead of 401"):
            return JSONResponse({"error": "forbidden", "error_description": "No."}, 403)
        known = "invalid_token" if token and not self.has("no error code in challenge") else None
        scope = "read write" if self.has("challenge names all scopes") else "read"
        return self._refused(401, error=known, scope=None if self.has("no scopes") else scope)

    def _answer(self, asked: dict[str, Any], scopes: set[str]) -> Response:
        result: dict[str, Any] = {}
        if asked["method"] == "initialize":
            result = {"protocolVersion": asked["params"]["protocolVersion"]}
        if asked["method"] == "tools/list":
            result = {"tools": [_described(name, only_reads=reads) for name, (_, reads) in _TOOLS.items()]}
        if asked["method"] == "tools/call":
            self.called.append(asked["params"]["name"])
            needed, _ = _TOOLS[asked["params"]["name"]]
            needed += " more" if needed == "read write" and self.has("another 403 after it") else ""
            if not set(needed.split()) <= scopes:
                return self._too_little(needed, scopes)
        headers = {"Mcp-Session-Id": "1"} if self.has("sessions") and asked["method"] == "initialize" else {}
        answer = {"jsonrpc": "2.0", "id": asked.get("id"), "result": result}
        if self.has("answers in a stream that stays open"):
            return StreamingResponse(_forever(answer), media_type="text/event-stream", headers=headers)
        return JSONResponse(answer, headers=headers)

    def _too_little(self, needed: str, scopes: set[str]) -> Response:
        if self.has("401 for too little scope"):
            return self._refused(401, error="invalid_token")
        if self.has("403 without a word"):
            return Response(status_code=403)
        if self.has("403 without scopes"):
            return self._refused(403, error="insufficient_scope")
        # A client that comes back with what was named is told of the next one.
        lacking = [scope for scope in needed.split() if scope not in scopes]
        named = lacking[0] if self.has("another 403 after it") else needed
        return self._refused(403, error="insufficient_scope", scope=named)

    def _refused(self, status: int, *, error: str | None, scope: str | None = None) -> Response:
        place = f"{self.url}/.well-known/oauth-protected-resource/mcp"
        place += "/elsewhere" if self.has("challenge names nothing") else ""
        named: str | None = f'resource_metadata="{place}"'
        if self.has("challenge without quotes"):
            named = f"resource_metadata={place}"
        if self.has("relative challenge"):
            named = 'resource_metadata="/.well-known/oauth-protected-resource/mcp"'
        if self.has("no challenge"):
            return Response(status_code=status, headers={"WWW-Authenticate": "Bearer"})
        given = {"error": error, "scope": scope}
        stated = [named, *(f'{name}="{value}"' for name, value in given.items() if value is not None)]
        scheme = "Basic realm=x, Bearer" if self.has("Basic first") else "Bearer"
        return Response(status_code=status, headers={"WWW-Authenticate": f"{scheme} {', '.join(filter(None, stated))}"})


async def _forever(answer: dict[str, Any]) -> AsyncIterator[str]:
    yield f"event: message\ndata: {json.dumps(answer)}\n\n"
    while True:
        yield ": still here\n\n"
        await asyncio.sleep(0.05)


def _described(name: str, *, only_reads: bool) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": only_reads}}


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
