"""Logs: one line an event, on standard error, with the request that it belongs to. Never a token, never a query."""

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
    """json: for machines (serve); otherwise for people (dev). report: told of every error that is logged with its
    exception, and of the request that it belongs to."""
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
            *([_reporting(report)] if report is not None else []),
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


def configure_for_commands() -> None:
    """Warnings and errors alone, on standard error: what a command did, it prints."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _reporting(report: Report) -> Processor:
    def pass_on(_: object, __: str, event: EventDict) -> EventDict:
        error = sys.exception()
        if event.get("exc_info") and error is not None:
            report(error, current_scope.get(None))
        return event

    return pass_on


def _add_request(_: object, __: str, event: EventDict) -> EventDict:
    """The id that the answer carries, and the address that it went to."""
    scope = current_scope.get(None)
    if scope is not None:
        context = context_of(scope)
        event.setdefault("request_id", context.request_id)
        event.setdefault("client_address", context.client_address)
        if context.flow_id is not None:
            event.setdefault("flow_id", context.flow_id)
    return event
