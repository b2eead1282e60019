"""Streams and WebSockets outlive the answer of a dependency: they end when the access of their person does (D-14)."""

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
    """What `items` yields, until its end or until the person may no longer have it, whichever comes first.

    user: whom the dependency of this connection gave. items: events of a stream, or `websocket.iter_text()`. While
    nobody can tell where somebody stands, it goes on."""
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
