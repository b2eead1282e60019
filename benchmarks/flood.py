"""flood: what floods of wrong secrets and of registrations do to everybody else's refreshes, as ratios of p99s."""

import asyncio
import json
import secrets
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.environment import free_port, gateway, gateway_environment, new_secret, sqlite_database
from benchmarks.load import Connection
from benchmarks.results import Result
from benchmarks.seeding import CLIENT_ID, seeder
from oauth.client_registry.secrets import hash_secret
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.models import ClientAuthenticationMethod
from oauth.stores.opening import store_on

_ROUNDS, _A_ROUND = 3, 300
_INTERVAL = 0.01  # seconds: a constant arrival rate
_ATTACKERS = 16
_TARGET = 2.0

Attack = Callable[[str], Coroutine[None, None, None]]
_HEADERS = {"content-type": "application/x-www-form-urlencoded"}


async def flood(folder: Path) -> list[Result]:
    """Milliseconds from when a refresh was due until it was answered."""
    port, secret = free_port(), new_secret()
    url = f"http://127.0.0.1:{port}"
    async with sqlite_database(folder, "flood") as database, seeder(database, url, secret) as seed:
        stored = hash_secret("cs_right", secrets.token_bytes)
        method = ClientAuthenticationMethod.CLIENT_SECRET_POST
        victim = replace(seed.client, client_id=ClientId("victim"), authentication_method=method, secret_digest=stored)
        await store_on(seed.database).clients.put(victim)
        tokens = list(await seed.refresh_tokens(1))
        more = {"MCP_AUTH_CLIENT_SECRET_ATTEMPTS": "1000000", "MCP_AUTH_REGISTRATIONS_PER_ADDRESS": "1000000"}
        with gateway(port, gateway_environment(port, database, secret, **more)):
            await _latencies(url, tokens)
            return [await _measure(name, attack, url, tokens) for name, attack in _ATTACKS.items()]


async def _measure(name: str, attack: Attack, url: str, tokens: list[str]) -> Result:
    idle, under_flood = [], []
    for _ in range(_ROUNDS):
        idle.append(_p99(await _latencies(url, tokens)))
        attacking = [asyncio.create_task(attack(url)) for _ in range(_ATTACKERS)]
        under_flood.append(_p99(await _latencies(url, tokens)))
        for each in attacking:
            each.cancel()
        await asyncio.gather(*attacking, return_exceptions=True)
    return Result(f"flood of {name}, p99", "ms", statistics.median(idle), statistics.median(under_flood), _TARGET)


async def _latencies(url: str, tokens: list[str]) -> list[float]:
    connection, taken = await Connection.open(url), []
    due = time.perf_counter()
    for _ in range(_A_ROUND):
        due += _INTERVAL
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        form = {"grant_type": "refresh_token", "refresh_token": tokens[0], "client_id": CLIENT_ID}
        tokens[0] = json.loads(await connection.post("/token", _HEADERS, urlencode(form).encode()))["refresh_token"]
        taken.append((time.perf_counter() - due) * 1000)
    connection.close()
    return taken


async def _guess(url: str) -> None:
    connection = await Connection.open(url)
    while True:
        guess = {
            "grant_type": "refresh_token",
            "refresh_token": "rt_x",
            "client_id": "victim",
            "client_secret": secrets.token_urlsafe(32),
        }
        await connection.post("/token", _HEADERS, urlencode(guess).encode(), (401, 503))


async def _register(url: str) -> None:
    """As a program of one address does; what is over the limit is refused."""
    connection = await Connection.open(url)
    while True:
        body = {"redirect_uris": ["https://app.example/cb"], "client_name": secrets.token_urlsafe(8)}
        sent = json.dumps({**body, "token_endpoint_auth_method": "none"}).encode()
        await connection.post("/register", {"content-type": "application/json"}, sent, (201, 429))


_ATTACKS: dict[str, Attack] = {"secrets": _guess, "registrations": _register}


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
