"""Builds the MCP endpoints of a node."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

from fastmcp import FastMCP
from starlette.routing import BaseRoute

from mcp_auth.mcp_guard import McpGuard
from servers.composition.node import Node
from servers.configuration.resources import ADMIN_PATH, USER_PATH
from servers.edge.routing import PostOnly, mcp_routes
from servers.mcp.admin import create_admin_server
from servers.mcp.server import http_app, index_tools
from servers.mcp.user import create_user_server

# Adds an operator's own tools. Arguments: the user server and the admin server.
AddTools: TypeAlias = Callable[[FastMCP, FastMCP], None]


@asynccontextmanager
async def open_mcp(node: Node, add_tools: AddTools) -> AsyncIterator[list[BaseRoute]]:
    """The routes of both MCP servers, with the tools of the program and the operator, each behind its guard."""
    user = create_user_server(node.settings.name, node.probe)
    admin = create_admin_server(node.settings.name, node.probe, node.people.users, node.key_ring)
    add_tools(user, admin)
    routes: list[BaseRoute] = []
    async with AsyncExitStack() as stack:
        for path, server in ((USER_PATH, user), (ADMIN_PATH, admin)):
            await index_tools(server)
            app = http_app(server, path)
            await stack.enter_async_context(app.lifespan(app))
            routes += mcp_routes(path, McpGuard(PostOnly(app, path), node.authenticator(path)))
        yield routes
