"""Trouble on demand: what a provider does to its clients on a bad day."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from starlette.responses import HTMLResponse, JSONResponse, Response


class Fault(StrEnum):
    """down: hangs up without an answer. slow: answers late. html: a page where JSON belongs."""

    DOWN = "down"
    SLOW = "slow"
    ERROR = "500"
    TOO_MANY = "429"
    HTML = "html"


class HangUp(Exception):
    """Close the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault, and for how long where it is slow."""

    fault: Fault
    seconds: float = 0
    status: int = 200


class Faults:
    """Faults by path below /auth/v1; the empty path stands for all."""

    def __init__(self) -> None:
        self._planted: dict[str, Planted] = {}

    def set(self, fault: Fault | str, *, paths: Sequence[str] = ("",), seconds: float = 2.0, status: int = 200) -> None:
        """Plant it, until `clear`. status: of an html answer. ValueError when there is no such fault."""
        planted = Planted(Fault(fault), seconds, status)
        self._planted.update(dict.fromkeys(paths, planted))

    def clear(self) -> None:
        """A good day."""
        self._planted.clear()

    def planted(self) -> Mapping[str, str]:
        """What is planted where."""
        return {path: planted.fault.value for path, planted in self._planted.items()}

    async def happen(self, path: str) -> Response | None:
        """The answer of the fault of this path, if there is one; HangUp when it is none at all."""
        planted = next((each for prefix, each in self._planted.items() if path.startswith(prefix)), None)
        match planted:
            case None:
                return None
            case Planted(Fault.SLOW, seconds):
                await asyncio.sleep(seconds)
                return None
            case Planted(Fault.DOWN):
                raise HangUp
            case Planted(Fault.ERROR):
                body = {"code": 500, "error_code": "unexpected_failure", "msg": "Internal error", "error_id": "0"}
                return JSONResponse(body, 500, {"x-sb-error-code": "unexpected_failure"})
            case Planted(Fault.TOO_MANY):
                body = {"code": 429, "error_code": "over_request_rate_limit", "msg": "Request rate limit reached"}
                return JSONResponse(body, 429, {"Retry-After": "60", "x-sb-error-code": "over_request_rate_limit"})
            case Planted(status=status):
                return HTMLResponse("<html><body>Bad gateway</body></html>", status)
