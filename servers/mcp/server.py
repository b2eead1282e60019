"""What both MCP servers have in common: how FastMCP is made to serve (D-23)."""

from collections.abc import Mapping
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.http import StarletteWithLifespan

from servers.observability.version import VERSION


def create_mcp_server(name: str, instructions: str) -> FastMCP:
    """A server whose errors say nothing of its inside, and whose arguments are taken as declared."""
    return FastMCP(
        name,
        instructions,
        version=VERSION,
        mask_error_details=True,
        strict_input_validation=False,
        on_duplicate="error",
    )


def http_app(server: FastMCP, path: str) -> StarletteWithLifespan:
    """The server at a path: stateless, so that any node can answer, with JSON where no stream is needed."""
    return server.http_app(path=path, stateless_http=True, json_response=True)


async def index_tools(server: FastMCP) -> None:
    """Let the newer wire find a tool's schema by name. Without this each call there lists all tools first.

    Call it once all tools are there. A name that is not in the index is checked against no schema."""
    schemas: Mapping[str, Mapping[str, Any]] = {tool.name: tool.parameters for tool in await server.list_tools()}
    server._mcp_server.get_tool_input_schema = schemas.get  # noqa: SLF001 - FastMCP has no public way (D-23)
