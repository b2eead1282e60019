"""A real HTTP server for an ASGI application, in a thread with a loop of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

T = TypeVar("T")

OpenApp = Callable[[], AbstractAsyncContextManager[ASGIApp]]


class PromptServer(uvicorn.Server):
    """Says when it is ready, and stops by an event, where uvicorn polls and sleeps a tenth of a second each."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """From any thread, also before it has started and after it has ended."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._stop.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), timeout=1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in [*self.servers, *(sockets or ())]:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wait_until_idle(), timeout=self.config.timeout_graceful_shutdown)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    async def _wait_until_idle(self) -> None:
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn's, without events
            await asyncio.sleep(0.002)


class Running:
    """A server that runs. `call` lets a coroutine run where the application runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)


def bind(port: int = 0) -> tuple[socket.socket, str]:
    """A bound socket on a port of this machine, and its URL; 0 is any free one."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms for an acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now, for processes that bind by themselves."""
    bound = [bind()[0] for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in bound]
    for listening in bound:
        listening.close()
    return ports


@contextlib.contextmanager
def serving(open_app: OpenApp, listening: socket.socket) -> Iterator[Running]:
    """Serve while the context is open, on an address that was bound before so that the app can know its own URL."""
    ready = threading.Event()
    running: list[tuple[Running, PromptServer]] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        async with open_app() as app:
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="on",
                timeout_keep_alive=75,
            )
            server = PromptServer(config)
            server.ready = ready
            running.append((Running(asyncio.get_running_loop()), server))
            await server.serve([listening])

    def run() -> None:
        try:
            asyncio.run(serve())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - told below
            failed.append(error)
        ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(timeout=30)
    if failed or not running or not running[0][1].started:
        raise RuntimeError("the application did not start") from (failed[0] if failed else None)
    try:
        yield running[0][0]
    finally:
        running[0][1].stop()
        thread.join(timeout=30)
        listening.close()


def with_lifespan(app: ASGIApp) -> OpenApp:
    """For an application that opens what it needs in its lifespan."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[ASGIApp]:
        yield app

    return opened
