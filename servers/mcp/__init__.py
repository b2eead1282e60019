"""The two MCP servers and the program's own tools."""
