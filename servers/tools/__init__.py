"""Tools of the two MCP servers; they see a Principal, never a token."""
