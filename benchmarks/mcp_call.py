"""mcp-call: a verified tools/call at /mcp beside the same tool on bare FastMCP, on both wires."""

import asyncio
import json
import sys
from pathlib import Path

import psutil

from benchmarks.environment import free_port, gateway, gateway_environment, new_secret, process, sqlite_database
from benchmarks.load import Connection, cpu_per_operation
from benchmarks.results import Result, of_rounds
from benchmarks.seeding import seeder

ROUNDS = 9
_CALLS = 600
_CONNECTIONS = 2
_HANDSHAKE, _STATELESS = "2025-11-25", "2026-07-28"
_META = "io.modelcontextprotocol"


async def mcp_call(folder: Path) -> list[Result]:
    """With 1 and with 200 tools; CPU microseconds of the server per call."""
    return [result for tools, target in ((1, 1.05), (200, 1.10)) for result in await _with_tools(folder, tools, target)]


async def _with_tools(folder: Path, tools: int, target: float) -> list[Result]:
    port, bare_port, secret = free_port(), free_port(), new_secret()
    url, bare_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{bare_port}"
    results = []
    async with sqlite_database(folder, f"mcp-call-{tools}") as database:
        environment = gateway_environment(
            port, database, secret, MCP_AUTH_TOOLS="benchmarks.echo:add_tools", BENCHMARK_TOOLS=str(tools)
        )
        async with seeder(database, url, secret) as seed:
            token = await seed.access_token()
        bare = process([sys.executable, "-m", "benchmarks.bare_mcp", str(bare_port)], {}, bare_url)
        with bare as floor, gateway(port, environment) as subject:
            for version in (_HANDSHAKE, _STATELESS):
                floors, subjects = [], []
                await _round(floor, bare_url, version, None)
                await _round(subject, url, version, token)
                for _ in range(ROUNDS):
                    floors.append(await _round(floor, bare_url, version, None))
                    subjects.append(await _round(subject, url, version, token))
                name = f"mcp-call, {tools} tool{'s' if tools > 1 else ''}, {version}"
                results.append(of_rounds(name, "µs", floors, subjects, target))
    return results


async def _round(server: psutil.Process, url: str, version: str, token: str | None) -> float:
    headers, body = _request(version, token)

    async def caller() -> None:
        connection = await Connection.open(url)
        for _ in range(_CALLS // _CONNECTIONS):
            await connection.post("/mcp", headers, body)
        connection.close()

    async def work() -> None:
        await asyncio.gather(*(caller() for _ in range(_CONNECTIONS)))

    return await cpu_per_operation(server, _CALLS, work)


def _request(version: str, token: str | None) -> tuple[dict[str, str], bytes]:
    parameters: dict[str, object] = {"name": "echo0", "arguments": {"text": "hello"}}
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": version,
    }
    if version == _STATELESS:
        parameters["_meta"] = {f"{_META}/protocolVersion": version, f"{_META}/clientCapabilities": {}}
        headers |= {"mcp-method": "tools/call", "mcp-name": "echo0"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
    return headers, json.dumps(body).encode()
