"""The words of MCP over HTTP."""

from typing import Any

from servers.doctor.asking import USER_AGENT

_INFO = {"name": USER_AGENT, "version": "1"}
_TYPES = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def initialize() -> dict[str, Any]:
    """The handshake."""
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": _INFO}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def headers(token: str | None) -> dict[str, str]:
    """Of a request."""
    return {**_TYPES, **({"Authorization": f"Bearer {token}"} if token is not None else {})}
