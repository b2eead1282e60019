"""Load on a server over plain HTTP/1.1, and the CPU time that the server needs for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil


@dataclass(frozen=True, slots=True)
class Connection:
    """One kept connection. Requests on it follow each other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """To the server at a URL."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer, parts.netloc)

    async def get(self, path: str, status: int) -> None:
        """An answer of that status; anything else is an error of the benchmark."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nhost: {self.host}\r\n\r\n".encode())
        await self._answer((status,))

    async def post(self, path: str, headers: Mapping[str, str], body: bytes, statuses: Sequence[int] = (200,)) -> bytes:
        """The body of an answer of these statuses; anything else is an error of the benchmark."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(
            f"POST {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body
        )
        return await self._answer(statuses)

    async def _answer(self, statuses: Sequence[int]) -> bytes:
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        content = await self.reader.readexactly(length)
        if int(answer.split(b" ", 2)[1]) not in statuses:
            raise RuntimeError(f"{answer.decode()}{content.decode()}")
        return content

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


async def cpu_per_operation(process: psutil.Process, operations: int, work: Callable[[], Awaitable[None]]) -> float:
    """CPU microseconds (user and system) of the process per operation while work runs."""
    before = _cpu_nanoseconds(process)
    await work()
    return (_cpu_nanoseconds(process) - before) / operations / 1000


def _cpu_nanoseconds(process: psutil.Process) -> int:
    """Of all threads. The scheduler's own count is exact; without it there are ticks of 10 ms."""
    tasks = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
    if tasks:
        return sum(int(task.read_text().split()[0]) for task in tasks)
    times = process.cpu_times()
    return int((times.user + times.system) * 1e9)
