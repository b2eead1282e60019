"""`mcp-auth` as an operator runs it: processes of its own, real sockets, signals."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import IO
from urllib.parse import urlsplit

import httpx

from servers.configuration.settings import GatewaySettings


def environment_of(settings: GatewaySettings, port: int) -> dict[str, str]:
    """The variables that would give these settings."""
    secret_key = settings.supabase_secret_key
    optional = {"MCP_AUTH_ROUTES": settings.routes} if settings.routes is not None else {}
    if settings.sentry_dsn is not None:
        optional["MCP_AUTH_SENTRY_DSN"] = settings.sentry_dsn.get_secret_value()
    return {
        **optional,
        "MCP_AUTH_SUPABASE_SECRET_KEY": secret_key.get_secret_value() if secret_key is not None else "",
        "MCP_AUTH_WEBHOOK_SECRET": ",".join(secret.get_secret_value() for secret in settings.webhook_secret),
        "MCP_AUTH_PUBLIC_URL": settings.public_url,
        "MCP_AUTH_PORT": str(port),
        "MCP_AUTH_REQUESTS_PER_MINUTE": str(settings.requests_per_minute),
        "MCP_AUTH_SECRET": ",".join(settings.root_secrets),
        "MCP_AUTH_DATABASE_URL": settings.database_url,
        "MCP_AUTH_SUPABASE_URL": settings.supabase_url,
        "MCP_AUTH_SUPABASE_PUBLISHABLE_KEY": settings.supabase_publishable_key.get_secret_value(),
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "servers", *arguments]


def clean_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The given settings and none of this shell's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MCP_AUTH_")}
    return {**kept, **given}


@contextlib.contextmanager
def serving(
    settings: GatewaySettings, port: int, *arguments: str, log: IO[bytes] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """`mcp-auth serve`, ready. log: where its standard error goes."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        command("serve", *arguments), env=clean_environment(environment_of(settings, port)), stderr=log
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with status {process.returncode}"
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")


def port_of(url: str) -> int:
    return int(urlsplit(url).port or 0)
