"""A real HTTP server on loopback that answers as a test tells it to."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

RESET = None  # instead of an answer: the connection goes


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes
    status: int = 200
    headers: Mapping[str, str] | None = None


class ScriptedServer:
    """Gives `replies` in turn, and the last one for ever. received: what was asked, in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: list[Reply | None] = []
        self.received: list[Received] = []

    def will_answer(self, *bodies: object, status: int = 200) -> None:
        self.replies = [Reply(json.dumps(body).encode(), status) for body in bodies]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append(Received(method, target, headers, body))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply is not RESET:
            sent = {"content-length": str(len(reply.body)), "connection": "close", **(reply.headers or {})}
            lines = [f"HTTP/1.1 {reply.status} x", *(f"{name}: {value}" for name, value in sent.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + reply.body)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer("")
    listening = await asyncio.start_server(scripted.handle, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield scripted
