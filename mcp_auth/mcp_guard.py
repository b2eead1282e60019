"""The guard in front of an MCP endpoint: authenticates each request and renders a denial as an OAuth error in JSON.

Plain ASGI, because every MCP request passes through it."""

import json

from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_auth.authentication import Authenticator, Denial, read_credentials
from mcp_auth.principal import set_current_principal

_STATUS_NAMES = {401: "unauthorized", 503: "temporarily_unavailable"}


class McpGuard:
    """Sets the principal and passes the request to `app`, or answers with the denial."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an ASGI connection of the type `http`."""
        outcome = await self._authenticator.authenticate(scope, read_credentials(scope["headers"]))
        if isinstance(outcome, Denial):
            await _send_denial(send, outcome)
            return
        set_current_principal(outcome)
        await self._app(scope, receive, send)


async def _send_denial(send: Send, denial: Denial) -> None:
    error = denial.error or _STATUS_NAMES[denial.status]
    body = json.dumps({"error": error, "error_description": denial.description}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in denial.headers),
    ]
    await send({"type": "http.response.start", "status": denial.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
