"""`python -m servers` is `mcp-auth`."""

from servers.cli import main

main()
