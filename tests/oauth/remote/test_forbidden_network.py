"""Strangers' addresses in a network of its own: no packet goes where nobody may make us connect to (F-31, STD-206)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forbidden_network import ADDRESSES, ANSWERS
from tests.support.silent_name_server import AT_ONCE

SILENT = "tests.support.silent_name_server"
UNSHARE = shutil.which("unshare")


def _can_unshare() -> bool:
    if UNSHARE is None or shutil.which("ip") is None:
        return False
    return subprocess.run([UNSHARE, "-n", "-m", "true"], capture_output=True, check=False).returncode == 0  # noqa: S603


pytestmark = pytest.mark.skipif(not _can_unshare(), reason="needs the right to make namespaces, and iproute2")


def test_nothing_is_sent_to_a_forbidden_address_whatever_the_resolver_says() -> None:
    assert UNSHARE is not None
    command = [UNSHARE, "-n", sys.executable, "-m", "tests.support.forbidden_network"]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() == ANSWERS.keys()
    assert {name: (packets, connections) for name, (_, packets, connections) in found.items()} == dict.fromkeys(
        ANSWERS, (0, 0)
    )
    # The one that was good when it was asked is tried, and there is no way to it here; it is not asked again.
    tried = {name for name, (why, _, _) in found.items() if why != "address_not_public"}
    assert tried == {"good first and bad the next time"}
    assert set(ADDRESSES) <= found.keys()


# STD-213: nobody makes us wait for a name server of theirs, except for what they asked themselves.
def test_name_server_that_never_answers_holds_up_nobody_else(tmp_path: Path) -> None:
    assert UNSHARE is not None
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    script = f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec {sys.executable} -m {SILENT}"
    command = [UNSHARE, "-n", "-m", "sh", "-c", script]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    took, reasons = json.loads(done.stdout)
    assert reasons == ["timeout"] * AT_ONCE
    assert took < 2
