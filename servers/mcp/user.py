"""The MCP server at /mcp, for users and their assistants."""

from fastmcp import FastMCP

from servers.mcp.server import create_mcp_server
from servers.mcp.tools.system_status import add_user_system_status
from servers.mcp.tools.whoami import add_whoami
from servers.observability.status import StatusProbe


def create_user_server(service_name: str, probe: StatusProbe) -> FastMCP:
    """The user server with the program's own tools."""
    server = create_mcp_server(service_name, f"Tools of {service_name} for the person who is signed in.")
    add_whoami(server)
    add_user_system_status(server, probe)
    return server
