"""Resident size of `mcp-auth serve`: just started, and after 10,000 grants were used."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.environment import free_port, gateway, gateway_environment, new_secret, sqlite_database
from benchmarks.load import Connection
from benchmarks.results import Figure
from benchmarks.seeding import CLIENT_ID, REDIRECT_URI, VERIFIER, seeder

GRANTS = 10_000
_CONNECTIONS = 8
_MIB = 1024 * 1024


async def memory(folder: Path) -> list[Figure]:
    """Each grant: its code is redeemed, and its access token calls a tool."""
    port, secret = free_port(), new_secret()
    url = f"http://127.0.0.1:{port}"
    async with sqlite_database(folder, "memory") as database, seeder(database, url, secret) as seed:
        codes = await seed.codes(GRANTS)
        with gateway(port, gateway_environment(port, database, secret)) as server:
            started = server.memory_info().rss

            async def caller(number: int) -> None:
                connection = await Connection.open(url)
                for code in codes[number::_CONNECTIONS]:
                    await _use(connection, code)
                connection.close()

            await asyncio.gather(*(caller(number) for number in range(_CONNECTIONS)))
            used = server.memory_info().rss
    return [
        Figure("memory, just started", "MiB", started / _MIB),
        Figure(f"memory, after {GRANTS:,} grants", "MiB", used / _MIB),
    ]


async def _use(connection: Connection, code: str) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": REDIRECT_URI,
        "client_id": CLIENT_ID,
    }
    answer = await connection.post(
        "/token", {"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
    )
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "authorization": f"Bearer {json.loads(answer)['access_token']}",
    }
    await connection.post("/mcp", headers, json.dumps(call).encode())
