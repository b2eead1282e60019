"""What the doctor reads and waits for has bounds, and what is no address is not gone to."""

import asyncio
import contextlib
import gzip
import time
import tracemalloc
from collections.abc import Sequence

import httpx
import pytest

from servers.doctor.probes import body as reading
from servers.doctor.probes.addresses import Names
from servers.doctor.probes.callback import listening
from servers.doctor.probes.http_client import Visitor
from tests.support.browser import NO_TLS
from tests.support.doctor import EVERYBODY, agreeing, at_fault, examine, of, somewhere
from tests.support.faulty_server import FaultyServer
from tests.support.nonsense_server import NONSENSE, bomb, talking

JUNK = (
    *(b"", b"\r\n", b"GET\r\n", b"\xff" * 100_000 + b"\r\n", b"GET http://[ HTTP/1.1\r\n"),
    b"GET /favicon.ico HTTP/1.1\r\n",
)


async def test_body_is_read_up_to_a_limit_however_long_one_may_wait() -> None:
    at_once, again = NONSENSE["a body without end"]
    async with talking(at_once, again) as url, httpx.AsyncClient(verify=NO_TLS) as http:
        answer = await Visitor(http, Names(somewhere), near=True).ask("GET", f"{url}/a")
    assert (len(answer.text), answer.problem) == (reading.MOST_BYTES, "")
    assert answer.seconds < 10


def test_packed_body_is_unpacked_within_the_limit() -> None:
    packed = gzip.compress(b" " * (64 * 1024 * 1024))
    tracemalloc.start()
    try:
        text = reading.text_of(packed, {"content-encoding": "gzip"})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(text) == reading.MOST_BYTES
    assert most < 8 * reading.MOST_BYTES
    assert reading.text_of(gzip.compress(b"{}"), {"content-encoding": "GZIP"}) == "{}"


async def test_what_unpacks_to_more_than_anybody_reads_ends_in_a_report() -> None:
    async with talking(bomb()) as url:
        findings = await examine(f"{url}/mcp", EVERYBODY[:1], register=False)
    assert at_fault(findings) >= {"P-1"}


@pytest.mark.parametrize("url", ["", "None", "/relative", "ftp://x.example/", "https://user:word@x.example/"])
async def test_what_is_no_address_of_the_web_is_not_asked(url: str) -> None:
    looked_up: list[str] = []

    async def resolve(host: str) -> Sequence[str]:
        looked_up.append(host)
        return ()

    async with httpx.AsyncClient(verify=NO_TLS) as http:
        answer = await Visitor(http, Names(resolve), near=False).ask("GET", url)
    assert (answer.status, looked_up) == (0, [])
    assert answer.problem.endswith("is no address of the web")


async def test_server_that_hangs_is_left_alone_after_a_while(server: FaultyServer) -> None:
    server.plant(delay=5)
    began = time.perf_counter()
    findings = await examine(server.resource, patience=0.2)
    assert time.perf_counter() - began < 4
    (finding,) = of(findings, "reachable")
    assert "did not come to an end" in finding.says
    assert of(findings, "registration") == of(findings, "step_up") == of(findings, "documents") == []


async def test_stream_is_read_until_its_first_answer(server: FaultyServer) -> None:
    server.plant("answers in a stream that stays open")
    began = time.perf_counter()
    assert at_fault(await examine(server.resource, person=agreeing())) == set()
    assert time.perf_counter() - began < 10


async def test_answer_is_heard_whatever_else_comes_to_the_callback() -> None:
    wrong: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
    async with listening() as callback:
        answer = callback.expect()
        port = int(callback.uri.rpartition(":")[2].partition("/")[0])
        for junk in JUNK:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(junk)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
        assert not answer.done()
        async with httpx.AsyncClient(verify=NO_TLS) as http:
            assert (await http.get(f"{callback.uri}?code=c&state=s")).status_code == 200
        assert await answer == {"code": "c", "state": "s"}
    assert wrong == []
