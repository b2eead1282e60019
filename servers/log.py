"""Logs: one line an event, on standard error, with the request that it belongs to. Never a token, never a query."""

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.types import Scope

current_scope: ContextVar[Scope] = ContextVar("scope")


def configure(*, json: bool) -> None:
    """json: for machines (serve); otherwise for people (dev)."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        # Plain tracebacks: the pretty ones print local variables, and those hold secrets.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _add_request,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries: what goes wrong, and nothing of what goes right.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


def _add_request(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The id that the answer carries, and the address that it went to."""
    scope = current_scope.get(None)
    if scope is not None:
        event.setdefault("request_id", scope.get("request_id"))
        event.setdefault("client_address", scope.get("client_address"))
    return event
