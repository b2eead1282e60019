"""Servers under measurement: each in a process of its own, on databases of their own."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import asyncpg
import httpx
import psutil

import migrations
from oauth.database.database import parse_url

_READY_SECONDS = 60


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def gateway_environment(port: int, database_url: str, secret: str, **more: str) -> dict[str, str]:
    """The settings of a gateway; nothing listens at its Supabase address, and nothing of what is measured asks."""
    return {
        "MCP_AUTH_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "MCP_AUTH_PORT": str(port),
        "MCP_AUTH_REQUESTS_PER_MINUTE": "1000000",  # counted, and never reached
        "MCP_AUTH_SECRET": secret,
        "MCP_AUTH_DATABASE_URL": database_url,
        "MCP_AUTH_SUPABASE_URL": "http://127.0.0.1:9",
        "MCP_AUTH_SUPABASE_PUBLISHABLE_KEY": "unused",
        **more,
    }


def new_secret() -> str:
    """A root secret."""
    return secrets.token_urlsafe(48)


@contextlib.contextmanager
def process(arguments: list[str], environment: Mapping[str, str], url: str) -> Iterator[psutil.Process]:
    """A server process, once it answers at a URL."""
    started = subprocess.Popen(  # noqa: S603 - our own commands
        arguments, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_ready(url, started)
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait()


def wait_until_ready(url: str, started: "subprocess.Popen[bytes]") -> None:
    """Ask until there is any answer."""
    with httpx.Client() as http:
        for _ in range(_READY_SECONDS * 500):
            if started.poll() is not None:
                raise RuntimeError(f"the server ended with status {started.returncode}")
            try:
                http.get(url)
            except httpx.TransportError:
                time.sleep(0.002)
            else:
                return
    raise RuntimeError("the server did not become ready")


def gateway(port: int, environment: Mapping[str, str]) -> contextlib.AbstractContextManager[psutil.Process]:
    """`mcp-auth serve`, as an operator runs it."""
    command = [sys.executable, "-m", "servers", "serve"]
    return process(command, environment, f"http://127.0.0.1:{port}/ready")


@contextlib.asynccontextmanager
async def sqlite_database(folder: Path, name: str) -> AsyncIterator[str]:
    """A migrated file."""
    url = f"sqlite:///{folder / name}.sqlite"
    await migrations.upgrade(parse_url(url))
    yield url


@contextlib.asynccontextmanager
async def postgresql_database(server: str, name: str) -> AsyncIterator[str]:
    """A migrated database on a server, dropped afterwards."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
        url = server.replace("/postgres?", f"/{name}?")
        await migrations.upgrade(parse_url(url))
        yield url
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()
