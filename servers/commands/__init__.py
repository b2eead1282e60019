"""The commands of `mcp-auth` that have a file of their own; servers.cli names them all."""
