"""A real HTTP server for an ASGI application, in a thread with a loop of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


def bind() -> tuple[socket.socket, str]:
    """A bound socket on a free port of this machine, and its URL."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def serving(app: ASGIApp, listening: socket.socket) -> Iterator[None]:
    """Serve while the context is open, on an address that was bound before so that the app can know its own URL."""
    ready = threading.Event()
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, proxy_headers=False, lifespan="on"),
        ready,
    )

    def run() -> None:
        with contextlib.suppress(SystemExit):
            asyncio.run(server.serve([listening]))
        ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(timeout=30)
    if not server.started:
        raise RuntimeError("the application did not start")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
