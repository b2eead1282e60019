"""A tool of an operator that is for people."""

from fastmcp import FastMCP

from mcp_auth.principal import current_person


def add_tools(user: FastMCP, _admin: FastMCP) -> None:
    @user.tool
    async def my_name() -> str:
        """Who is calling."""
        return current_person().subject
