"""What happened to each attempt to connect, recorded in memory and written in batches.

`mcp-auth explain` reads it back. Nothing else depends on it: losing a second of it to a crash changes no decision."""
