"""A network that fails for a moment, as httpx tells it (SEED-5, SEED-6). The transport here has no network."""

import socket
import time

import httpx
import pytest

from mcp_auth.rejection import AuthFailureReason, failure_of
from mcp_auth.supabase.client import Answer, SupabaseClient
from oauth.foundation.outages import ProviderUnavailable


def name_not_known() -> httpx.ConnectError:
    error = httpx.ConnectError("Name or service not known")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return error


TRANSIENT = {
    "no such name": name_not_known(),
    "nobody listens": httpx.ConnectError("Connection refused"),
    "connection reset": httpx.ReadError("Connection reset by peer"),
    "connection gone before the request": httpx.WriteError("Broken pipe"),
    "connection gone before the answer": httpx.RemoteProtocolError("Server disconnected"),
    "no connection in time": httpx.ConnectTimeout("timed out"),
    "no answer in time": httpx.ReadTimeout("timed out"),
    "no end of the request in time": httpx.WriteTimeout("timed out"),
    "no free connection in time": httpx.PoolTimeout("timed out"),
}


class FailingTransport(httpx.AsyncBaseTransport):
    """Fails so many times, then answers. attempts: when it was asked."""

    def __init__(self, error: httpx.TransportError, times: int) -> None:
        self.error = error
        self.times = times
        self.attempts: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.attempts.append(time.monotonic())
        if len(self.attempts) <= self.times:
            raise self.error
        return httpx.Response(200, json={"ok": 1}, request=request)


async def ask(transport: FailingTransport) -> Answer:
    async with httpx.AsyncClient(transport=transport) as http:
        return await SupabaseClient("https://project.test", "key", http).request("GET", "/user")


# SEED-6: two retries, 0.3 s apart.
@pytest.mark.parametrize("error", TRANSIENT.values(), ids=TRANSIENT)
async def test_error_of_a_moment_is_retried_twice_with_pauses(error: httpx.TransportError) -> None:
    transport = FailingTransport(error, times=2)
    assert await ask(transport) == Answer(200, {"ok": 1})
    first, second, third = transport.attempts
    assert min(second - first, third - second) >= 0.3


# SEED-5, SEED-6: a network error, a DNS failure and a timeout are PROVIDER_UNREACHABLE, after the third time.
@pytest.mark.parametrize("error", TRANSIENT.values(), ids=TRANSIENT)
async def test_error_that_stays_is_an_unreachable_provider(error: httpx.TransportError) -> None:
    transport = FailingTransport(error, times=10)
    with pytest.raises(ProviderUnavailable) as outage:
        await ask(transport)
    assert failure_of(outage.value) is AuthFailureReason.PROVIDER_UNREACHABLE
    assert len(transport.attempts) == 3
