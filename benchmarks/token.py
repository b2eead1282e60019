"""token-refresh and token-code at 16 connections, on SQLite FULL and on PostgreSQL."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import urlencode

import psutil

from benchmarks.environment import (
    free_port,
    gateway,
    gateway_environment,
    new_secret,
    postgresql_database,
    process,
    sqlite_database,
)
from benchmarks.load import Connection, cpu_per_operation
from benchmarks.results import Result, of_rounds
from benchmarks.seeding import CLIENT_ID, REDIRECT_URI, VERIFIER, seeder

ROUNDS = 7
CONNECTIONS = 16
_PER_CONNECTION = 120
_OPERATIONS = CONNECTIONS * _PER_CONNECTION
_HEADERS = {"content-type": "application/x-www-form-urlencoded"}
_TARGET = 2.0


async def token_on_sqlite(folder: Path) -> list[Result]:
    """Floor and subject on files of their own."""
    async with sqlite_database(folder, "token") as database:
        return await _measure("SQLite", database, f"sqlite:///{folder}/token-floor.sqlite")


async def token_on_postgresql(server: str) -> list[Result]:
    """Floor and subject on databases of their own."""
    async with (
        postgresql_database(server, "bench_token") as database,
        postgresql_database(server, "bench_floor") as floor,
    ):
        return await _measure("PostgreSQL", database, floor)


async def _measure(name: str, database: str, floor_database: str) -> list[Result]:
    port, bare_port, secret = free_port(), free_port(), new_secret()
    url, bare_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{bare_port}"
    command = [sys.executable, "-m", "benchmarks.bare_token", str(bare_port), floor_database]
    async with seeder(database, url, secret) as seed:
        tokens = list(await seed.refresh_tokens(CONNECTIONS))
        with (
            process(command, {}, bare_url) as floor,
            gateway(port, gateway_environment(port, database, secret)) as subject,
        ):
            floor_tokens = ["none"] * CONNECTIONS
            await _refresh(floor, bare_url, floor_tokens)
            await _refresh(subject, url, tokens)
            refresh: tuple[list[float], list[float]] = ([], [])
            code: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                refresh[0].append(await _refresh(floor, bare_url, floor_tokens))
                refresh[1].append(await _refresh(subject, url, tokens))
                codes = await seed.codes(_OPERATIONS)
                code[0].append(await _redeem(floor, bare_url, codes))
                code[1].append(await _redeem(subject, url, codes))
    return [
        of_rounds(f"token-refresh, {name}", "µs", *refresh, _TARGET),
        of_rounds(f"token-code, {name}", "µs", *code, _TARGET),
    ]


async def _refresh(server: psutil.Process, url: str, tokens: list[str]) -> float:
    """Each connection refreshes its own family again and again; tokens is left at the new heads."""

    async def caller(number: int) -> None:
        connection = await Connection.open(url)
        for _ in range(_PER_CONNECTION):
            form = {"grant_type": "refresh_token", "refresh_token": tokens[number], "client_id": CLIENT_ID}
            answer = await connection.post("/token", _HEADERS, urlencode(form).encode())
            tokens[number] = json.loads(answer)["refresh_token"]
        connection.close()

    return await _cpu(server, caller)


async def _redeem(server: psutil.Process, url: str, codes: Sequence[str]) -> float:
    """Each code once."""

    async def caller(number: int) -> None:
        connection = await Connection.open(url)
        for code in codes[number::CONNECTIONS]:
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": VERIFIER,
                "redirect_uri": REDIRECT_URI,
                "client_id": CLIENT_ID,
            }
            await connection.post("/token", _HEADERS, urlencode(form).encode())
        connection.close()

    return await _cpu(server, caller)


async def _cpu(server: psutil.Process, caller: Callable[[int], Awaitable[None]]) -> float:
    async def work() -> None:
        await asyncio.gather(*(caller(number) for number in range(CONNECTIONS)))

    return await cpu_per_operation(server, _OPERATIONS, work)
