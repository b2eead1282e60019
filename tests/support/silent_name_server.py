"""Run inside a network namespace whose resolver asks 127.0.0.1: a name server that never answers there, fetches of
names that it should know, and a look-up of somebody else's meanwhile.

`python -m tests.support.silent_name_server` prints JSON: [seconds that the other look-up took, why each fetch
failed]."""

import asyncio
import json
import subprocess
import time

import uvloop

from oauth.remote.fetching import INTERNET, FetchFailed, fetch_object

AT_ONCE = 12


async def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: ASYNC221, S607
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 53))
    fetches = [asyncio.create_task(_fetch(f"https://silent{number}.test/client.json")) for number in range(AT_ONCE)]
    await asyncio.sleep(0.5)
    began = time.monotonic()
    async with asyncio.timeout(20):
        await loop.getaddrinfo("localhost", 443)
    took = time.monotonic() - began
    print(json.dumps([took, await asyncio.gather(*fetches)]), flush=True)  # noqa: T201


async def _fetch(url: str) -> str:
    try:
        await fetch_object(url, 5_000, INTERNET)
    except FetchFailed as failure:
        return failure.reason
    return "fetched"


if __name__ == "__main__":
    uvloop.run(main())
