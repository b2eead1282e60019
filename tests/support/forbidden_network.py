"""Run inside a network namespace whose only interface has forbidden addresses: fetch from each, and count what leaves.

`python -m tests.support.forbidden_network` prints JSON: {name: [why it failed, packets, connections]}."""

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from oauth.remote.fetching import INTERNET, FetchFailed, fetch_object

ADDRESSES = (
    "127.0.0.1",
    "10.1.2.3",
    "100.64.1.1",
    "169.254.169.254",
    "172.16.5.5",
    "192.168.1.1",
    "::1",
    "fd00::1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
)
# What a resolver may say, now and when it is asked again.
ANSWERS: dict[str, Sequence[Sequence[str]]] = {
    **{address: [[address]] for address in ADDRESSES},
    "one good and one bad": [["8.8.8.8", "10.1.2.3"]],
    "good first and bad the next time": [["8.8.8.8"], ["127.0.0.1"]],
    "mapped": [["::ffff:127.0.0.1"]],
    "numeral": [["2130706433"]],
    "hexadecimal": [["0x7f000001"]],
    "short": [["127.1"]],
    "octal": [["0177.0.0.1"]],
    "nothing": [[]],
}


async def main() -> None:
    for command in (
        ["ip", "link", "set", "lo", "up"],
        *(["ip", "addr", "add", f"{each}/{128 if ':' in each else 32}", "dev", "lo"] for each in ADDRESSES),
    ):
        subprocess.run(command, check=False, capture_output=True)  # noqa: ASYNC221, S603 - loopback has some of them
    caught = 0

    async def trap(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal caught
        caught += 1
        writer.close()

    listening = [await asyncio.start_server(trap, host, 443) for host in ("0.0.0.0", "::")]  # noqa: S104
    found: dict[str, tuple[str, int, int]] = {}
    for name, answers in ANSWERS.items():
        asked = 0

        async def resolve(_: str, answers: Sequence[Sequence[str]] = answers) -> Sequence[str]:
            nonlocal asked
            asked += 1
            return answers[min(asked, len(answers)) - 1]

        before, caught = _packets(), 0
        try:
            await fetch_object("https://app.test/client.json", 5_000, replace(INTERNET, resolve=resolve))
            why = "fetched"
        except FetchFailed as failure:
            why = failure.reason
        found[name] = (why, _packets() - before, caught)
        assert asked == 1
    for server in listening:
        server.close()
    print(json.dumps(found))  # noqa: T201


def _packets() -> int:
    """Through the only interface there is."""
    (line,) = [each for each in Path("/proc/net/dev").read_text().splitlines() if each.strip().startswith("lo:")]
    return int(line.split()[2])


if __name__ == "__main__":
    asyncio.run(main())
