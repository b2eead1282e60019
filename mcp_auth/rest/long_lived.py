"""End a stream or WebSocket when its person loses access: the dependency checks only at the beginning (D-14)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

import structlog
from starlette.requests import HTTPConnection

from mcp_auth.rest.dependencies import authentication_of
from mcp_auth.users.models import User
from oauth.foundation.outages import Outage
from oauth.foundation.vocabulary import Subject

log = structlog.get_logger()

T = TypeVar("T")


async def while_permitted(connection: HTTPConnection, user: User, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Yield from `items` until they end or the person loses access.

    user: from the dependency of this connection.
    items: events of a stream, or `websocket.iter_text()`; closed at the end.

    Access is checked before each item and after each `watch_interval`. An outage does not end the stream (D-16)."""
    authentication = authentication_of(connection)
    still_permitted = authentication.watch(Subject(user.supabase_id or ""))
    waiting: asyncio.Future[T] | None = None
    try:
        while True:
            if waiting is None:
                waiting = asyncio.ensure_future(anext(items))
            await asyncio.wait({waiting}, timeout=authentication.watch_interval.total_seconds())
            try:
                permitted = await still_permitted()
            except Outage:
                permitted = True
            if not permitted:
                log.info("stream_ended", reason="access_ended", user_id=user.id)
                return
            if waiting.done():
                done, waiting = waiting, None
                try:
                    item = done.result()
                except StopAsyncIteration:
                    return
                yield item
    finally:
        if waiting is not None:
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await waiting
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()
