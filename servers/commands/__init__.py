"""The subcommands of `mcp-auth`, one file each; `servers.cli` registers them.

A command parses its arguments, calls an operation and prints. What changes anything is in `servers.operations`."""
