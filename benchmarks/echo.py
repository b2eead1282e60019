"""The tool that is called: it does nothing, so that what is measured is the way to it."""

import os

from fastmcp import FastMCP


def add_echo(server: FastMCP, count: int) -> None:
    """echo0, echo1, …: tools of equal shape."""
    for number in range(count):

        async def echo(text: str) -> str:
            """Say it again."""
            return text

        server.tool(echo, name=f"echo{number}")


def add_tools(user: FastMCP, _admin: FastMCP) -> None:
    """For MCP_AUTH_TOOLS: as many as BENCHMARK_TOOLS says."""
    add_echo(user, int(os.environ["BENCHMARK_TOOLS"]))
