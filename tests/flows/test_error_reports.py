"""Errors of ours reach the operator's Sentry, and nothing that anybody sent goes with them (SEED-53)."""

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from servers.configuration.loading import UnusableSettings
from tests.support.app_person import AppPerson
from tests.support.clock import SettableClock
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway, settings_for
from tests.support.live_server import free_ports
from tests.support.processes import serving

KEY = "0123456789abcdef0123456789abcdef"


class Sentry:
    """What it received: the envelopes, as text."""

    def __init__(self) -> None:
        self.envelopes: list[str] = []
        self.dsn = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """An envelope is lines of JSON: headers, then item headers and items."""
        return [json.loads(envelope.splitlines()[2]) for envelope in self.envelopes]


@contextlib.contextmanager
def listening() -> Iterator[Sentry]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            plain = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            sentry.envelopes.append(f"{self.path} {self.headers}".replace("\n", " ") + plain.decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sentry = Sentry()
        sentry.dsn = f"http://{KEY}@127.0.0.1:{server.server_address[1]}/1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield sentry
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def gateway(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """For its address and accounts; the process that is looked at is another one."""
    with running_gateway(sqlite_url, supabase, clock) as running:
        yield running


# SEED-10, SEED-53
def test_error_is_reported_with_its_request_and_user_and_without_what_was_sent(
    gateway: Gateway, supabase: RunningSupabase, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    person = AppPerson(gateway)
    gateway.close_later(person)
    with listening() as sentry:
        settings = settings_for(
            gateway.url,
            gateway.settings.database_url,
            supabase,
            routes="tests.support.rest_routes:add_routes",
            sentry_dsn=sentry.dsn,
        )
        with (tmp_path / "log").open("wb") as log, serving(settings, port, log=log):
            node = gateway.client_at(f"http://127.0.0.1:{port}")
            url = f"{node.node}/api/v1/try/broken/canary-of-a-path?q=canary-of-a-query"
            bearer = {"Authorization": f"Bearer {person.access_token}", "X-Request-ID": "request-1"}
            headers = {**bearer, "Cookie": "a=canary-of-a-cookie"}
            answer = node.http.get(url, headers=headers)
            assert answer.status_code == 500
            assert node.http.get(f"{node.node}/api/v1/users/me", headers=bearer).status_code == 200
            user_id = node.http.get(f"{node.node}/api/v1/users/me", headers=bearer).json()["id"]
    (event,) = sentry.events
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("RuntimeError", "")
    assert any(frame["function"] == "broken" for frame in error["stacktrace"]["frames"])
    assert event["tags"] == {"request_id": "request-1", "route": "/v1/try/broken/{part}"}
    assert event["user"] == {"id": user_id}
    sent = sentry.envelopes[0]
    secrets = {
        "token": person.access_token,
        "part of it": person.access_token[-20:],
        "email": USER.email,
        "path": "canary-of-a-path",
        "query": "canary-of-a-query",
        "cookie": "canary-of-a-cookie",
        "root secret": settings.root_secrets[0],
        "address": "127.0.0.1:" + str(port),
    }
    assert {name for name, secret in secrets.items() if secret in sent} == set()


# SEED-53
def test_error_in_a_websocket_is_reported_with_its_request(
    gateway: Gateway, supabase: RunningSupabase, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with listening() as sentry:
        settings = settings_for(
            f"http://127.0.0.1:{port}",
            gateway.settings.database_url,
            supabase,
            routes="tests.support.rest_routes:add_routes",
            sentry_dsn=sentry.dsn,
        )
        url = f"ws://127.0.0.1:{port}/api/v1/try/broken-socket?token=canary-of-a-token"
        with (
            (tmp_path / "log").open("wb") as log,
            serving(settings, port, log=log),
            connect(url, additional_headers={"X-Request-ID": "socket-1"}, proxy=None) as socket,
        ):
            with pytest.raises(ConnectionClosedError):
                socket.recv()
            assert socket.close_code == 1011
    (event,) = sentry.events
    assert event["tags"] == {"request_id": "socket-1", "route": "/v1/try/broken-socket"}
    assert "canary" not in sentry.envelopes[0]


@pytest.mark.parametrize("dsn", ["yes", "https://sentry.example/1", "https://key@sentry.example/", "ftp://k@s/1"])
def test_what_is_no_dsn_is_refused_at_start_without_being_shown(supabase: RunningSupabase, dsn: str) -> None:
    with pytest.raises(UnusableSettings, match="MCP_AUTH_SENTRY_DSN is no DSN") as refused:
        settings_for("http://127.0.0.1:1", "sqlite:///x", supabase, sentry_dsn=dsn)
    assert dsn not in str(refused.value).removeprefix("MCP_AUTH_SENTRY_DSN is no DSN")
