"""No packet goes to an address that nobody may make us connect to: counted in a network of its own (F-31, STD-206)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forbidden_network import ADDRESSES, ANSWERS

UNSHARE = shutil.which("unshare")


def _can_unshare() -> bool:
    if UNSHARE is None or shutil.which("ip") is None:
        return False
    return subprocess.run([UNSHARE, "-n", "true"], capture_output=True, check=False).returncode == 0  # noqa: S603


@pytest.mark.skipif(not _can_unshare(), reason="needs the right to make a network namespace, and iproute2")
def test_nothing_is_sent_to_a_forbidden_address_whatever_the_resolver_says() -> None:
    assert UNSHARE is not None
    command = [UNSHARE, "-n", sys.executable, "-m", "tests.support.forbidden_network"]
    root = Path(__file__).parents[2]
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
