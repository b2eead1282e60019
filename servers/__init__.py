"""What is served? The MCP servers, the REST routes, and the one place that puts everything together."""
