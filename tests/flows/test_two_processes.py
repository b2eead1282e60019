"""Two server processes on one database, and a process that is killed: one winner, nothing acknowledged is lost."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.clock import SettableClock, WallClock
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.live_server import free_ports
from tests.support.processes import serving
from tests.support.raw_client import RawClient

CONNECTIONS = 50


@pytest.fixture
def clock() -> SettableClock:
    return WallClock()


@pytest.fixture
def signed_up(database_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """A gateway in this process, for signing people in."""
    with running_gateway(database_url, supabase, clock) as running:
        yield running


async def post_at_once(urls: list[str], host: str, form: dict[str, str]) -> list[httpx.Response]:
    """The same form from 50 connections, half of them to each process, all in one moment."""
    clients = [httpx.AsyncClient(base_url=urls[number % len(urls)], timeout=30) for number in range(CONNECTIONS)]
    try:
        await asyncio.gather(*(client.get("/health") for client in clients))
        answers = await asyncio.gather(
            *(client.post("/token", data=form, headers={"Host": host}) for client in clients)
        )
        return list(answers)
    finally:
        await asyncio.gather(*(client.aclose() for client in clients))


# F-7, P-2
def test_one_code_and_one_refresh_token_from_fifty_connections_to_two_processes(signed_up: Gateway) -> None:
    client = signed_up.registered()
    ports = free_ports(2)
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    host = signed_up.url.partition("://")[2]
    with serving(signed_up.settings, ports[0]), serving(signed_up.settings, ports[1]):
        redeemed = asyncio.run(post_at_once(urls, host, code_form(client, signed_up.code(client))))
        assert Counter(answer.status_code for answer in redeemed) == {200: 1, 400: CONNECTIONS - 1}
        assert {a.json()["error"] for a in redeemed if a.status_code == 400} == {"invalid_grant"}
        tokens: dict[str, Any] = next(answer.json() for answer in redeemed if answer.status_code == 200)

        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": client.client_id,
        }
        refreshed = asyncio.run(post_at_once(urls, host, form))
        assert {answer.status_code for answer in refreshed} == {200}
        heads = {answer.json()["refresh_token"] for answer in refreshed}
        assert len(heads) == 1
        assert client.refresh(heads.pop()).status_code == 200
        assert signed_up.client().call_tool(tokens["access_token"]).status_code == 200


# F-21, P-11
def test_workers_share_everything(signed_up: Gateway) -> None:
    client = signed_up.registered()
    (port,) = free_ports(1)
    node = RawClient(signed_up.url, listens_at=f"http://127.0.0.1:{port}")
    node.client_id, node.verifier = client.client_id, client.verifier
    with serving(signed_up.settings, port, "--workers", "2"):
        tokens = node.redeem(signed_up.code(client)).json()
        for _ in range(8):
            fresh = RawClient(signed_up.url, listens_at=node.node)
            fresh.client_id = client.client_id
            assert fresh.call_tool(tokens["access_token"]).status_code == 200
            tokens = fresh.refresh(tokens["refresh_token"]).json()
            fresh.close()
    node.close()


# F-21
def test_killed_process_loses_nothing_that_it_acknowledged(signed_up: Gateway) -> None:
    client = signed_up.registered()
    (port,) = free_ports(1)
    node = RawClient(signed_up.url, listens_at=f"http://127.0.0.1:{port}")
    node.client_id, node.verifier = client.client_id, client.verifier
    with serving(signed_up.settings, port) as process:
        codes = [signed_up.code(client) for _ in range(3)]
        acknowledged = [node.redeem(code).json()["refresh_token"] for code in codes]
        acknowledged[0] = node.refresh(acknowledged[0]).json()["refresh_token"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    node.close()
    for refresh_token in acknowledged:
        assert client.refresh(refresh_token).status_code == 200


def code_form(client: RawClient, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": client.verifier,
        "client_id": client.client_id,
    }
