"""`mcp-auth doctor`: walks a deployment as each known client does and reports what would keep it out.

Knows a deployment from outside only, ours or any other: nothing here imports the rest of the program."""
