"""start: from the command to readiness, beside importing the one thing that a server of tools cannot do without."""

import asyncio
import sys
import time
from pathlib import Path

from benchmarks.environment import free_port, gateway, gateway_environment, new_secret, sqlite_database
from benchmarks.results import Result, of_rounds

ROUNDS = 5
# `import fastmcp` alone has become lazy; this is what it used to mean, and what every server needs.
_FLOOR = "from fastmcp import FastMCP"


async def start(folder: Path) -> list[Result]:
    """Wall-clock seconds."""
    floors, subjects, secret = [], [], new_secret()
    async with sqlite_database(folder, "start") as database:
        for _ in range(ROUNDS + 1):
            began = time.perf_counter()
            imported = await asyncio.create_subprocess_exec(sys.executable, "-c", _FLOOR)
            await imported.wait()
            floors.append(time.perf_counter() - began)
            port = free_port()
            began = time.perf_counter()
            with gateway(port, gateway_environment(port, database, secret)):
                subjects.append(time.perf_counter() - began)
    return [of_rounds("start", "s", floors[1:], subjects[1:], 1.5)]
