"""Bodies are read up to a limit, whatever a server sends and however long it goes on."""

import zlib
from collections.abc import Mapping

import httpx

MOST_BYTES = 512 * 1024
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_DEFLATED = {"gzip", "x-gzip", "deflate"}
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


async def read(response: httpx.Response, body: bytearray) -> None:
    """Fill the body until it is whole, has an event of a stream in it, or is longer than anybody reads."""
    is_stream = "text/event-stream" in response.headers.get("content-type", "")
    async for chunk in response.aiter_raw():
        body += chunk
        ended = is_stream and b"data:" in body and any(end in body[body.index(b"data:") :] for end in _EVENT_ENDS)
        if ended or len(body) > MOST_BYTES:
            return


def text_of(body: bytes, headers: Mapping[str, str]) -> str:
    """As text. What is packed is unpacked within the limit, though the doctor asked for it unpacked."""
    if headers.get("content-encoding", "").strip().lower() in _DEFLATED:
        try:
            body = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, MOST_BYTES)
        except zlib.error:
            body = b""
    return body[:MOST_BYTES].decode("utf-8", "replace")
