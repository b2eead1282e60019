"""A server that is a server in name only: it answers what it likes, for as long as it likes."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_LOOP = b"HTTP/1.1 302 Found\r\nLocation: /.well-known/again\r\nContent-Length: 0\r\n\r\n"
# What is said at once, and what is said again and again after it.
NONSENSE: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n", b""),
    "half a head": (b"HTTP/1.1 200 O", b""),
    "no such status": (b"HTTP/1.1 999999 What\r\n\r\n", b""),
    "status 600": (b"HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n", b""),
    "a head without end": (b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 8000 + b"\r\n"),
    "a body without end": (_HEAD + b'\r\n{"resource": "', b"x" * 65536),
    "drops": (_HEAD + b"\r\n{", b" "),
    "chunks without end": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n[1,2,\r\n"),
    "a chunk that is none": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
    "less than it says": (_HEAD + b"Content-Length: 1000\r\n\r\n{}", b""),
    "no UTF-8": (_HEAD + b'Content-Length: 16\r\n\r\n{"issuer": "\xff\xfe"}', b""),
    "no UTF-8 in the head": (
        b"HTTP/1.1 401 \xff\xfe\r\nWWW-Authenticate: Bearer \xff=\xfe\r\nContent-Length: 0\r\n\r\n",
        b"",
    ),
    "a list": (_HEAD + b"Content-Length: 2\r\n\r\n[]", b""),
    "deep": (_HEAD + b"Content-Length: 200000\r\n\r\n" + b'{"a":' * 40000, b""),
    "a large number": (_HEAD + b"Content-Length: 10006\r\n\r\n" + b'{"a":' + b"9" * 10000 + b"}", b""),
    "redirects in a circle": (_LOOP, b""),
    "redirect to nowhere": (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", b""),
    "redirect without a place": (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", b""),
    "events without end": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        b": still here\n\n",
    ),
    "no gzip": (_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", b""),
    "cookies": (_HEAD + b"Set-Cookie: =;;=\r\nSet-Cookie: a\xff=b; Expires=never\r\nContent-Length: 2\r\n\r\n{}", b""),
}


def bomb() -> bytes:
    """A small answer that becomes a large one."""
    body = gzip.compress(b" " * (200 * 1024 * 1024), compresslevel=9)
    return _HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def challenge(url: str) -> bytes:
    """A head that is as it should be."""
    named = f'Bearer resource_metadata="{url}/.well-known/oauth-protected-resource/mcp", scope="read"'
    return f"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {named}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def talking(at_once: bytes, again: bytes = b"", *, sound_target: bool = True) -> AsyncIterator[str]:
    """→ its URL. sound_target: /mcp alone answers as it should."""
    writers: list[asyncio.StreamWriter] = []
    url = ""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError, EOFError, ValueError):
            line = await reader.readline()
            while await reader.readline() not in {b"\r\n", b""}:
                pass
            if sound_target and b" /mcp " in line:
                writer.write(challenge(url))
            else:
                writer.write(at_once)
                while again:
                    await writer.drain()
                    writer.write(again)
                    await asyncio.sleep(0.001)
            if b"Content-Length" in at_once or (sound_target and b" /mcp " in line):
                await writer.drain()
                writer.close()
            else:
                await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield url
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
