"""`mcp-auth explain`: reads the flow history and says what happened, why, and what to do."""
