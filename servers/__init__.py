"""What is served: the MCP servers, the REST API, the command line, and the composition of all parts."""
