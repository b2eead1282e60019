"""What a caller hears of a tool that breaks."""

from fastmcp import Client

from servers.mcp.server import create_mcp_server


# SEED-45
async def test_error_in_a_tool_says_nothing_of_its_inside() -> None:
    server = create_mcp_server("Example", "Tools that break.")

    @server.tool(description="Break.")
    async def broken() -> None:
        raise RuntimeError("canary of a host, a query and a token")

    async with Client(server) as client:
        result = await client.call_tool("broken", raise_on_error=False)
    assert result.is_error
    assert "canary" not in str(result)
    assert "RuntimeError" not in str(result)
