"""growth: how long a refresh and an authorization request take with 10³, 10⁵ and 10⁶ clients and grants."""

import json
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import insert

from benchmarks.environment import (
    free_port,
    gateway,
    gateway_environment,
    new_secret,
    postgresql_database,
    sqlite_database,
)
from benchmarks.load import Connection
from benchmarks.results import Result, of_rounds
from benchmarks.seeding import CLIENT_ID, REDIRECT_URI, VERIFIER, Seeder, seeder
from oauth.database.timestamps import to_micros
from oauth.foundation.clock import system_clock
from oauth.protocol.pkce import s256
from oauth.stores.sql import rows
from oauth.stores.sql.tables import clients, grants, refresh_tokens

SIZES = (1_000, 100_000, 1_000_000)
ROUNDS = 7
_BATCH = 20_000
_REFRESHES, _AUTHORIZATIONS = 400, 200
_TARGET = 1.15
_HEADERS = {"content-type": "application/x-www-form-urlencoded"}

OpenDatabase = Callable[[str], AbstractAsyncContextManager[str]]


@dataclass(slots=True)
class _Grown:
    """A gateway on a database of one size; token is the head of a family there."""

    url: str
    token: str


async def growth_on_sqlite(folder: Path) -> list[Result]:
    """In one file for each size."""
    return await _measure("SQLite", lambda name: sqlite_database(folder, name))


async def growth_on_postgresql(server: str) -> list[Result]:
    """In one database for each size, all on one server."""
    return await _measure("PostgreSQL", lambda name: postgresql_database(server, name))


async def _measure(name: str, open_database: OpenDatabase) -> list[Result]:
    """Microseconds until the answer, the median of each round; the sizes take turns. The floor of each line is the
    smallest size."""
    refresh: dict[int, list[float]] = {size: [] for size in SIZES}
    authorize: dict[int, list[float]] = {size: [] for size in SIZES}
    async with AsyncExitStack() as stack:
        grown = {size: await stack.enter_async_context(_open(open_database, size)) for size in SIZES}
        for number in range(ROUNDS + 1):
            for size, each in grown.items():
                taken = await _refresh(each), await _authorize(each)
                if number > 0:  # the first one warms up
                    refresh[size].append(taken[0])
                    authorize[size].append(taken[1])
    return [
        of_rounds(f"growth, {what}, {name}, {size:.0e}", "µs", sizes[SIZES[0]], sizes[size], _TARGET)
        for what, sizes in (("refresh", refresh), ("authorize", authorize))
        for size in SIZES[1:]
    ]


@asynccontextmanager
async def _open(open_database: OpenDatabase, size: int) -> AsyncIterator[_Grown]:
    port, secret = free_port(), new_secret()
    url = f"http://127.0.0.1:{port}"
    async with open_database(f"growth-{size}") as database, seeder(database, url, secret) as seed:
        (token,) = await seed.refresh_tokens(1)
        await _fill(seed, size)
        with gateway(port, gateway_environment(port, database, secret)):
            yield _Grown(url, token)


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


async def _refresh(grown: _Grown) -> float:
    async def ask(connection: Connection) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": grown.token, "client_id": CLIENT_ID}
        grown.token = json.loads(await connection.post("/token", _HEADERS, urlencode(form).encode()))["refresh_token"]

    return await _median(grown.url, _REFRESHES, ask)


async def _authorize(grown: _Grown) -> float:
    query = urlencode(
        {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            "resource": f"{grown.url}/mcp",
        }
    )

    async def ask(connection: Connection) -> None:
        await connection.get(f"/authorize?{query}", 303)

    return await _median(grown.url, _AUTHORIZATIONS, ask)


async def _median(url: str, times: int, ask: Callable[[Connection], Awaitable[None]]) -> float:
    """Of one request after the other."""
    connection, taken = await Connection.open(url), []
    for _ in range(times):
        started = time.perf_counter()
        await ask(connection)
        taken.append((time.perf_counter() - started) * 1e6)
    connection.close()
    return statistics.median(taken)
