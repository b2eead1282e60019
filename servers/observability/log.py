"""Logs one line per event to standard error, with the request that it belongs to. Never a token or a query."""

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.types import Scope
from structlog.typing import EventDict, Processor

from oauth.foundation.request_context import context_of

current_scope: ContextVar[Scope] = ContextVar("scope")


Report = Callable[[BaseException, Scope | None], None]


def configure(*, json: bool, report: Report | None = None) -> None:
    """Configure logging.

    json: JSON lines, for `serve`; otherwise text, for `dev`.
    report: called with each exception that is logged, and the scope of its request."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        # Plain tracebacks: the pretty ones print local variables, which contain secrets.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _add_request,
            *([_report_exceptions(report)] if report is not None else []),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log warnings and errors only.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


def configure_for_commands() -> None:
    """Log only warnings and errors, to standard error. A command prints its results itself."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _report_exceptions(report: Report) -> Processor:
    def report_exception(_: object, __: str, event: EventDict) -> EventDict:
        error = sys.exception()
        if event.get("exc_info") and error is not None:
            report(error, current_scope.get(None))
        return event

    return report_exception


def _add_request(_: object, __: str, event: EventDict) -> EventDict:
    """Add the request id and flow id that the response shows, and the address of the client."""
    scope = current_scope.get(None)
    if scope is not None:
        context = context_of(scope)
        event.setdefault("request_id", context.request_id)
        event.setdefault("client_address", context.client_address)
        if context.flow_id is not None:
            event.setdefault("flow_id", context.flow_id)
    return event
