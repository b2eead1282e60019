"""What a benchmark yields, as a table for people and JSON for programs."""

import json
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("mcp-auth", "fastmcp", "mcp", "starlette", "uvicorn", "uvloop", "sqlalchemy", "asyncpg", "cryptography")


@dataclass(frozen=True, slots=True)
class Result:
    """One line. floor and subject are medians of interleaved rounds, in `unit`; target: the ratio not to exceed."""

    name: str
    unit: str
    floor: float
    subject: float
    target: float | None

    @property
    def ratio(self) -> float:
        """How many times the floor."""
        return self.subject / self.floor

    @property
    def verdict(self) -> str:
        """Met, missed, or nothing to meet."""
        if self.target is None:
            return ""
        return "met" if self.ratio <= self.target else "MISSED"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that is printed for its own sake."""

    name: str
    unit: str
    value: float


def of_rounds(name: str, unit: str, floors: Sequence[float], subjects: Sequence[float], target: float | None) -> Result:
    """The result of interleaved rounds."""
    return Result(name, unit, statistics.median(floors), statistics.median(subjects), target)


def machine() -> dict[str, object]:
    """What a figure has to be quoted with."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: version(name) for name in _PACKAGES},
    }


def report(results: Sequence[Result | Figure], path: Path) -> None:
    """Print the table, write the JSON."""
    sys.stdout.write(f"\n{'benchmark':<34}{'floor':>12}{'ours':>12}  {'unit':<6}{'ratio':>7}{'target':>8}\n")
    for result in results:
        if isinstance(result, Figure):
            sys.stdout.write(f"{result.name:<34}{'':>12}{result.value:>12.1f}  {result.unit:<6}\n")
            continue
        target = f"{result.target:.2f}" if result.target is not None else ""
        sys.stdout.write(
            f"{result.name:<34}{result.floor:>12.2f}{result.subject:>12.2f}  {result.unit:<6}"
            f"{result.ratio:>7.2f}{target:>8}  {result.verdict}\n"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    measured = [asdict(r) | ({"ratio": r.ratio} if isinstance(r, Result) else {}) for r in results]
    path.write_text(json.dumps({"machine": machine(), "results": measured}, indent=2) + "\n")
    sys.stdout.write(f"\nWritten to {path}\n")
