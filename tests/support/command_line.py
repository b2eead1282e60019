"""Commands of `mcp-auth`, run in this process. Its fixture `run` is in tests/conftest.py."""

import os
from collections.abc import Callable

import pytest
import structlog

from servers import cli

# Arguments and settings → exit status, standard output, standard error.
Run = Callable[..., tuple[int, str, str]]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """With the given settings and none of this shell's."""
    for name in [name for name in os.environ if name.startswith("MCP_AUTH_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str, **settings: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patched:
            for name, value in settings.items():
                patched.setenv(f"MCP_AUTH_{name.upper()}", value)
            status, logging = 0, structlog.get_config()
            capsys.readouterr()  # what a gateway in this process has logged
            try:
                cli.app(arguments)
            except SystemExit as end:
                status = int(end.code or 0)
            finally:
                # A command is a process of its own elsewhere; here gateways log on.
                structlog.configure(**logging)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run
