"""What both MCP servers share: how they use FastMCP (D-23)."""

from collections.abc import Mapping
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.http import StarletteWithLifespan

from servers.observability.version import VERSION


def create_mcp_server(name: str, instructions: str) -> FastMCP:
    """A server that hides internal errors, and converts arguments to the declared types."""
    return FastMCP(
        name,
        instructions,
        version=VERSION,
        mask_error_details=True,
        strict_input_validation=False,
        on_duplicate="error",
    )


def http_app(server: FastMCP, path: str) -> StarletteWithLifespan:
    """The ASGI application of a server. Stateless, so that any node can answer, and with JSON responses."""
    return server.http_app(path=path, stateless_http=True, json_response=True)


async def index_tools(server: FastMCP) -> None:
    """Index tool schemas by name, for the newer protocol revision, where each call would list all tools first.

    Call it after all tools are added. The arguments of a tool that is not in the index are not checked."""
    schemas: Mapping[str, Mapping[str, Any]] = {tool.name: tool.parameters for tool in await server.list_tools()}
    server._mcp_server.get_tool_input_schema = schemas.get  # noqa: SLF001 - FastMCP has no public way (D-23)
