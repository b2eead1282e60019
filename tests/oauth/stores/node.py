"""Another process on the same database, as `python -m tests.oauth.stores.node URL`.

It reads a line of JSON, does what it says and answers in a line of JSON, until its input ends."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from oauth.protocol.grant_types.decision import Issue, Refuse
from oauth.stores.opening import open_database, store_on
from oauth.stores.ports import Store
from tests.oauth.stores.tokens import CLIENT, add_code, redeem, refresh
from tests.support.builders import make_client


class Node:
    """A running process. `tell` and `hear` are apart, so that two can be told before either is heard."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def tell(self, what: str, secret: str = "", times: int = 1) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, secret, times]) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:  # noqa: ANN401 - JSON
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process ended with status {self.process.wait()}"
        return json.loads(line)

    def hear_the_rest(self) -> list[Any]:
        """The whole lines that a process has said before it was killed."""
        assert self.process.stdout is not None
        return [json.loads(line) for line in self.process.stdout if line.endswith("\n")]


@contextmanager
def running_node(url: str) -> Iterator[Node]:
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.oauth.stores.node", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Node(process)
        finally:
            process.kill()


def said(outcome: Issue | Refuse) -> str | None:
    """The refresh token that was issued, or why there is none."""
    return outcome.refresh_token if isinstance(outcome, Issue) else outcome.error.reason


def say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def redeem_at_once(store: Store, code: str, times: int) -> list[str | None]:
    outcomes = (redeem(store, code, fresh=f"rt_{secrets.token_hex(8)}") for _ in range(times))
    return [said(outcome) for outcome in await asyncio.gather(*outcomes)]


async def refresh_at_once(store: Store, token: str, times: int) -> list[str | None]:
    outcomes = (refresh(store, token, fresh=f"rt_{secrets.token_hex(8)}") for _ in range(times))
    return [said(outcome) for outcome in await asyncio.gather(*outcomes)]


async def issue_for_ever(store: Store, at_once: int) -> None:
    """People sign in, clients redeem and refresh. What is acknowledged is said at once: [code, token, its head]."""
    if await store.clients.get(CLIENT) is None:
        await store.clients.put(make_client())

    async def one_after_another() -> None:
        while True:
            name = secrets.token_hex(8)
            code = await add_code(store, name)
            say([code, None, None])
            token = said(await redeem(store, code, fresh=f"rt_{name}"))
            say([code, token, None])
            say([code, token, said(await refresh(store, token or "", fresh=f"rt_head_{name}"))])

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))


async def main(url: str) -> None:
    database = await open_database(url)
    store = store_on(database)
    say("ready")
    for line in sys.stdin:
        what, secret, times = json.loads(line)
        match what:
            case "redeem":
                say(await redeem_at_once(store, secret, times))
            case "refresh":
                say(await refresh_at_once(store, secret, times))
            case "issue for ever":
                await issue_for_ever(store, times)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
