"""The floor of mcp-call: FastMCP as it comes, one tool, no authentication. `python -m benchmarks.bare_mcp PORT`"""

import sys

import uvicorn
from fastmcp import FastMCP

from benchmarks.echo import add_echo


def main() -> None:
    """Serve until terminated."""
    server = FastMCP("bare")
    add_echo(server, 1)
    app = server.http_app(stateless_http=True, json_response=True)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="on")


main()
