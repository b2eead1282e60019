"""What a visit makes it takes back, also when it fails or is broken off; and it never tells what is secret."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest
from starlette.responses import JSONResponse

from servers.doctor import report
from servers.doctor.findings import Level
from servers.doctor.probes.addresses import Names
from servers.doctor.probes.http_client import Visitor
from servers.doctor.probes.redaction import Withheld
from servers.doctor.probes.sign_in import Person
from servers.doctor.visit import chosen
from tests.support.doctor import EVERYBODY, agreeing, examine, somewhere
from tests.support.faulty_server import FaultyServer

CURSOR = chosen(["cursor"])


def is_clean(server: FaultyServer) -> bool:
    return server.clients == {} and server.live_tokens == set()


@pytest.mark.parametrize(
    "fault",
    ["code refused", "another state", "own token refused", "refresh race", "no newer era", "another 403 after it"],
)
async def test_sign_in_leaves_nothing_however_it_goes(server: FaultyServer, fault: str) -> None:
    server.plant(fault)
    await examine(server.resource, CURSOR, person=agreeing())
    assert server.removed
    assert is_clean(server)


async def test_access_tokens_are_revoked_as_well(server: FaultyServer) -> None:
    server.plant("no refresh token")
    await examine(server.resource, CURSOR, person=agreeing())
    assert server.asked["revoke"] == 2  # that of the sign-in, and that of the step-up


async def test_person_who_never_comes_back_leaves_nothing(server: FaultyServer) -> None:
    server.plant("browser is never sent back")
    await examine(server.resource, CURSOR, person=replace(agreeing(), patience=0.2))
    assert is_clean(server)


async def test_browser_that_cannot_be_opened_leaves_nothing(server: FaultyServer) -> None:
    def broken(_: str) -> None:
        raise OSError("no display")

    with pytest.raises(OSError, match="no display"):
        await examine(server.resource, CURSOR, person=Person(broken))
    assert server.removed
    assert is_clean(server)


@pytest.mark.parametrize("request_", ["register", "remove", "authorize", "token", "mcp", "revoke"])
@pytest.mark.parametrize("which", [1, 2, 3])
async def test_visit_that_is_broken_off_during_a_request_leaves_nothing(
    server: FaultyServer, request_: str, which: int
) -> None:
    """Ctrl-C cancels the task that runs."""
    loop = asyncio.get_running_loop()
    coming = asyncio.create_task(examine(server.resource, CURSOR, person=agreeing()))

    def notice(name: str) -> None:
        if name == request_ and server.asked[name] == which:
            loop.call_soon_threadsafe(coming.cancel)

    server.noticed = notice
    with pytest.raises(asyncio.CancelledError):
        await coming
    assert is_clean(server)


def test_ctrl_c_at_the_command_leaves_nothing(server: FaultyServer) -> None:
    server.plant("browser is never sent back")
    command = [sys.executable, "-m", "servers", "doctor", server.resource, "--as", "cursor", "--login"]
    environment = {**os.environ, "BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment, text=True) as running:  # noqa: S603
        assert running.stderr is not None
        assert running.stderr.readline().startswith("… sign in at http://127.0.0.1")
        assert server.clients
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "")
    assert is_clean(server)


# -- secrets


async def test_report_tells_no_secret_though_the_server_does(server: FaultyServer) -> None:
    server.plant("secrets are echoed")
    told: list[str] = []
    issued: set[str] = set()
    server.noticed = lambda _: issued.update(server.grants)
    findings = await examine(server.resource, EVERYBODY, person=agreeing(), tell=told.append)
    assert Level.FAULT in {each.level for each in findings}
    printed = report.text("x", [], findings) + report.as_json("x", [], findings) + "\n".join(told)
    assert "[withheld]" in printed
    secret = issued | {f"rat-{client_id}" for client_id in server.removed}
    assert len(secret) > 20
    assert [each for each in secret if each in printed] == []
    assert "eyJ" not in printed


async def test_report_tells_no_code_and_no_verifier(server: FaultyServer) -> None:
    server.plant("code is echoed")
    findings = await examine(server.resource, CURSOR, register=False, person=agreeing())
    (finding,) = [each for each in findings if each.level is Level.FAULT]
    assert finding.says == "The code is answered with 400 [withheld] [withheld] is no good."


async def test_secrets_of_answers_are_known_and_kept_out_of_what_is_printed() -> None:
    secrets = {"access_token": "at-0123456789", "registration_access_token": "rat-0123456789", "scope": "read"}
    location = {"location": "https://y.example/cb?code=code-0123456789&state=x"}
    app = JSONResponse(secrets, 302, location)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        visitor = Visitor(http, Names(somewhere), near=False)
        seen = await visitor.ask("GET", "https://x.example/a")
    assert visitor.withheld.out_of("at-0123456789 rat-0123456789 code-0123456789 read") == (
        "[withheld] [withheld] [withheld] read"
    )
    assert "0123456789" not in repr(seen)


def test_what_is_too_short_to_be_a_secret_blackens_nothing() -> None:
    withheld = Withheld()
    for short in ("", "a", "of", None, 7):
        withheld.add(short)
    assert withheld.out_of("a sentence of words") == "a sentence of words"
