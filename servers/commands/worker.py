"""What `mcp-auth serve` gives to each worker process."""

import gc
import importlib
import sys
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from servers.api.app import AddRoutes
from servers.app import create_app
from servers.composition.mcp import AddTools
from servers.configuration.loading import UnusableSettings, load
from servers.configuration.settings import GatewaySettings
from servers.observability import log
from servers.observability.error_reports import ErrorReports

# The collector looks at what is new; what was made at start-up stays (a fifth to a third of a call under load).
_GC_THRESHOLD = 50_000


def create() -> ASGIApp:
    """The application of one worker, set up from the environment."""
    gc.disable()
    settings = load()
    reports = ErrorReports(settings.sentry_dsn.get_secret_value()) if settings.sentry_dsn is not None else None
    log.configure(json=True, report=reports.report if reports is not None else None)
    return create_app(settings, add_tools=load_tools(settings), add_routes=load_routes(settings), when_started=freeze)


def freeze() -> None:
    """Take everything that exists now out of the garbage collector's rounds, and let it look at what comes.

    Collecting while everything is being imported costs a tenth of the start and finds nothing."""
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    gc.enable()


def load_tools(settings: GatewaySettings) -> AddTools:
    """The function that MCP_AUTH_TOOLS names, from an installed module or one in the working directory."""
    if settings.tools is None:
        return lambda _user, _admin: None
    found: AddTools = _load("MCP_AUTH_TOOLS", settings.tools)
    return found


def load_routes(settings: GatewaySettings) -> AddRoutes:
    """The same for MCP_AUTH_ROUTES."""
    if settings.routes is None:
        return lambda _api: None
    found: AddRoutes = _load("MCP_AUTH_ROUTES", settings.routes)
    return found


def _load(setting: str, name: str) -> Any:  # noqa: ANN401 - an operator's function
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UnusableSettings(f"{setting} names {name}, which cannot be imported: {error}.") from error
