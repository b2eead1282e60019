"""A redirect target on this machine, for one authorization response (RFC 8252 §7.3)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

_PATH = "/callback"
_PAGE = b"<!doctype html><title>mcp-auth doctor</title><p>Thank you. You can close this page; the doctor goes on."
_MOST = 16 * 1024


@dataclass(frozen=True, slots=True)
class Callback:
    """uri: to register and to send. answer: the parameters that came to it."""

    uri: str
    answer: "asyncio.Future[dict[str, str]]"


@asynccontextmanager
async def listening() -> AsyncIterator[Callback]:
    """Listen while the context is open."""
    answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n"))[:_MOST].decode("latin-1").split(" ")
        parts = urlsplit(request[1] if len(request) > 1 else "")
        found = parts.path == _PATH
        if found and not answer.done():
            answer.set_result(dict(parse_qsl(parts.query, keep_blank_values=True)))
        body = _PAGE if found else b""
        status = b"200 OK" if found else b"404 Not Found"
        writer.write(b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n" % (status, len(body)))
        writer.write(b"Connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Callback(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{_PATH}", answer)
    finally:
        server.close()
