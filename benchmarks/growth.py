"""growth: what /token and /authorize cost with 10³, 10⁵ and 10⁶ clients and grants, on SQLite, as ratios to 10³."""

import asyncio
import json
import secrets
from pathlib import Path
from urllib.parse import urlencode

import psutil
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import insert

from benchmarks.environment import free_port, gateway, gateway_environment, new_secret, sqlite_database
from benchmarks.load import Connection, cpu_per_operation
from benchmarks.results import Result, of_rounds
from benchmarks.seeding import CLIENT_ID, REDIRECT_URI, VERIFIER, Seeder, seeder
from oauth.clock import system_clock
from oauth.pkce import s256
from oauth.stores import rows
from oauth.stores.instants import to_micros
from oauth.stores.tables import clients, grants, refresh_tokens

SIZES = (1_000, 100_000, 1_000_000)
ROUNDS = 5
_BATCH = 20_000
_REFRESHES, _AUTHORIZATIONS = 600, 300
_TARGET = 1.15
_HEADERS = {"content-type": "application/x-www-form-urlencoded"}


async def growth(folder: Path) -> list[Result]:
    """CPU microseconds per request. The floor of each line is the smallest size in the same run."""
    measured: dict[str, dict[int, list[float]]] = {"refresh": {}, "authorize": {}}
    secret = new_secret()
    for size in SIZES:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        async with sqlite_database(folder, f"growth-{size}") as database, seeder(database, url, secret) as seed:
            tokens = list(await seed.refresh_tokens(1))
            await _fill(seed, size)
            with gateway(port, gateway_environment(port, database, secret)) as server:
                rounds = [await _round(server, url, tokens) for _ in range(ROUNDS + 1)][1:]
        measured["refresh"][size] = [refresh for refresh, _ in rounds]
        measured["authorize"][size] = [authorize for _, authorize in rounds]
    return [
        of_rounds(f"growth, {name}, {size:.0e}", "µs", sizes[SIZES[0]], sizes[size], _TARGET)
        for name, sizes in measured.items()
        for size in SIZES[1:]
    ]


async def _fill(seed: Seeder, size: int) -> None:
    """As many clients, each with a grant and a refresh token."""
    now = system_clock()
    template = rows.client_values(seed.client)
    grant = rows.grant_values(seed.grant())
    expires_at = to_micros(now) + 30 * 86_400_000_000

    def work(connection: DatabaseConnection, first: int, last: int) -> None:
        numbers = [f"{number:032x}" for number in range(first, last)]
        connection.execute(insert(clients), [{**template, "client_id": f"client_{number}"} for number in numbers])
        made = [{**grant, "grant_id": f"gr_{number}", "client_id": f"client_{number}"} for number in numbers]
        connection.execute(insert(grants), made)
        tokens = [
            {
                "digest": secrets.token_bytes(32),
                "grant_id": each["grant_id"],
                "generation": 0,
                "expires_at": expires_at,
            }
            for each in made
        ]
        connection.execute(insert(refresh_tokens), tokens)

    for first in range(0, size, _BATCH):
        last = min(first + _BATCH, size)
        await seed.database.write(lambda connection, first=first, last=last: work(connection, first, last))  # type: ignore[misc]


async def _round(server: psutil.Process, url: str, tokens: list[str]) -> tuple[float, float]:
    async def refresh() -> None:
        connection = await Connection.open(url)
        for _ in range(_REFRESHES):
            form = {"grant_type": "refresh_token", "refresh_token": tokens[0], "client_id": CLIENT_ID}
            tokens[0] = json.loads(await connection.post("/token", _HEADERS, urlencode(form).encode()))["refresh_token"]
        connection.close()

    query = urlencode(
        {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            "resource": f"{url}/mcp",
        }
    )

    async def authorize() -> None:
        connection = await Connection.open(url)
        for _ in range(_AUTHORIZATIONS):
            await connection.get(f"/authorize?{query}", 303)
        connection.close()

    measured = (
        await cpu_per_operation(server, _REFRESHES, refresh),
        await cpu_per_operation(server, _AUTHORIZATIONS, authorize),
    )
    await asyncio.sleep(0)
    return measured
