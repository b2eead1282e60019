"""What `mcp-auth serve` gives to each worker process."""

import gc
import importlib
import sys
from pathlib import Path

from starlette.types import ASGIApp

from servers import log
from servers.app import AddTools, create_app
from servers.settings import GatewaySettings, UnusableSettings, load

# The collector looks at what is new; what was made at start-up stays (a fifth to a third of a call under load).
_GC_THRESHOLD = 50_000


def create() -> ASGIApp:
    """The application of one worker, set up from the environment."""
    gc.disable()
    settings = load()
    log.configure(json=True)
    return create_app(settings, add_tools=load_tools(settings), when_started=freeze)


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
    module, _, function = settings.tools.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: AddTools = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UnusableSettings(f"MCP_AUTH_TOOLS names {settings.tools}, which cannot be imported: {error}.") from error
    return found
