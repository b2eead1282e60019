"""The two MCP servers and the tools of the program."""
