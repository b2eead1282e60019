"""The MCP server at /mcp-admin, for administrators and agents."""

from fastmcp import FastMCP

from mcp_auth.users.store import UserStore
from oauth.key_ring import KeyRing
from servers.mcp.server import create_mcp_server
from servers.mcp.tools.find_users import add_find_users
from servers.mcp.tools.system_status import add_admin_system_status
from servers.observability.status import StatusProbe


def create_admin_server(service_name: str, probe: StatusProbe, users: UserStore, key_ring: KeyRing) -> FastMCP:
    """The admin server with the program's own tools."""
    server = create_mcp_server(
        f"{service_name} administration", f"Tools of {service_name} for its administrators and agents."
    )
    add_admin_system_status(server, probe, users, key_ring)
    add_find_users(server, users)
    return server
