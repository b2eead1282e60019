"""Clients from npm: the TypeScript SDK, old and new, and mcp-remote, through which many desktop programs connect."""

import asyncio
import json
import os
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.support.clock import SettableClock
from tests.support.gateway import Gateway
from tests.support.npm import NODE, WAIT_SECONDS
from tests.support.person import Person


@asynccontextmanager
async def program(*command: object) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(NODE, *map(str, command), stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def heard_from(process: asyncio.subprocess.Process) -> Any:  # noqa: ANN401
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), WAIT_SECONDS)
    if not line:
        assert process.stderr is not None
        pytest.fail((await process.stderr.read()).decode())
    return json.loads(line)


def tell(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())


@pytest.mark.parametrize(
    ("package", "era"), [("sdk", "legacy"), ("client", "legacy"), ("client", "auto"), ("client", "2026-07-28")]
)
async def test_typescript_sdk_signs_in_calls_and_refreshes(
    installed: Path, gateway: Gateway, clock: SettableClock, package: str, era: str
) -> None:
    person = Person(gateway)
    async with program(installed / "connect.mjs", package, era, f"{gateway.url}/mcp") as node:
        url = (await heard_from(node))["visit"]
        tell(node, await asyncio.to_thread(person.visit, url))
        first = await heard_from(node)
        assert first["result"]["data"]["resource"] == f"{gateway.url}/mcp"
        clock.advance(minutes=31)
        tell(node, "again")
        second = await heard_from(node)
    assert second["result"]["ok"] is True
    assert second["refresh_token"] != first["refresh_token"]
    assert person.visits == 1


@pytest.fixture
def messages() -> Iterator[tuple[TextIO, TextIO]]:
    """What a program writes to standard error: (to read, to write)."""
    read, write = os.pipe()
    with os.fdopen(read) as reader, os.fdopen(write, "w") as writer:
        yield reader, writer


async def test_mcp_remote_brings_a_program_without_oauth_to_the_gateway(
    installed: Path, gateway: Gateway, tmp_path: Path, messages: tuple[TextIO, TextIO]
) -> None:
    person = Person(gateway)
    reader, writer = messages
    said: list[str] = []

    def watch() -> None:
        for line in reader:
            said.append(line)
            if visit := re.search(r"http://\S+/authorize\?\S+", line):
                person.visit_and_return(visit[0])
                return

    threading.Thread(target=watch, daemon=True).start()
    parameters = StdioServerParameters(
        command=NODE,
        args=[str(installed / "node_modules/mcp-remote/dist/proxy.js"), f"{gateway.url}/mcp", "--allow-http"],
        env={"PATH": os.environ["PATH"], "MCP_REMOTE_CONFIG_DIR": str(tmp_path), "BROWSER": "true"},
    )
    async with asyncio.timeout(WAIT_SECONDS), Client(stdio_client(parameters, errlog=writer)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"whoami", "user_system_status"}
        result = await client.call_tool("whoami", {})
    assert result.structured_content is not None, "".join(said)
    assert result.structured_content["data"]["resource"] == f"{gateway.url}/mcp"
    assert person.visits == 1
