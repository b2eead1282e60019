"""A redirect target on this machine, for authorization responses (RFC 8252 §7.3)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

_PATH = "/callback"
_PAGE = b"<!doctype html><title>mcp-auth doctor</title><p>Thank you. You can close this page; the doctor goes on."
_PATIENCE = 10.0  # seconds for a request


class Callback:
    """uri: to register and to send."""

    def __init__(self) -> None:
        self.uri = ""
        self._answer: asyncio.Future[dict[str, str]] | None = None

    def expect(self) -> "asyncio.Future[dict[str, str]]":
        """The parameters of the next answer that comes."""
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of whatever comes; a browser asks for other things as well."""
        with contextlib.suppress(OSError, ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                line = (await reader.readuntil(b"\r\n")).decode("latin-1").split(" ")
            parts = urlsplit(line[1] if len(line) > 1 else "")
            found = parts.path == _PATH
            if found and self._answer is not None and not self._answer.done():
                self._answer.set_result(dict(parse_qsl(parts.query, keep_blank_values=True)))
            body = _PAGE if found else b""
            status = b"200 OK" if found else b"404 Not Found"
            writer.write(b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n" % (status, len(body)))
            writer.write(b"Connection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Callback]:
    """Listen while the context is open."""
    callback = Callback()
    server = await asyncio.start_server(callback.serve, "127.0.0.1", 0)
    callback.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{_PATH}"
    try:
        yield callback
    finally:
        server.close()
