"""`mcp-auth dev`, as `make run` starts it: a process of its own on free ports."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.browser import Browser
from tests.support.gateway import ADMIN, AGENT, USER
from tests.support.processes import clean_environment, command
from tests.support.raw_client import RawClient, answer_of

NAMES = ["gateway", "supabase", "supabase_publishable_key", "supabase_secret_key"]


@dataclass
class Development:
    """said: the lines of standard output by name."""

    process: "subprocess.Popen[str]"
    said: dict[str, str]

    def stop(self) -> tuple[int, str]:
        """As Ctrl-C does. → exit status, standard error."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@contextlib.contextmanager
def development(data_dir: Path, *arguments: str) -> Iterator[Development]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(  # noqa: S603 - our own command
        command("dev", "--data-dir", str(data_dir), *arguments),
        env=clean_environment({}),
        cwd=data_dir.parent,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().rstrip("\n") for _ in NAMES]
            assert all(lines), process.communicate()[1]
            yield Development(process, dict(line.split("=", 1) for line in lines))
        finally:
            process.kill()


def on_any_port(data_dir: Path) -> contextlib.AbstractContextManager[Development]:
    return development(data_dir, "--port", "0", "--supabase-port", "0")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared one keeps its files."""
    return tmp_path_factory.mktemp("development") / "state"


@pytest.fixture(scope="module")
def dev(state: Path) -> Iterator[Development]:
    """One that several tests look at."""
    with on_any_port(state) as running:
        yield running


def tokens(gateway: str, client: RawClient, email: str, password: str, path: str = "/mcp") -> httpx.Response:
    with contextlib.closing(Browser(gateway)) as browser:
        redirect = browser.connect(client.authorization_url(resource=f"{gateway}{path}"), email, password)
        answer = answer_of(redirect)
    return client.redeem(answer.get("code", ""), resource=f"{gateway}{path}")


def test_standard_output_is_for_scripts_and_standard_error_for_people(tmp_path: Path) -> None:
    with on_any_port(tmp_path / "state") as dev:
        assert list(dev.said) == NAMES
        health = httpx.get(f"{dev.said['supabase']}/auth/v1/health", headers={"apikey": dev.said[NAMES[2]]})
        assert health.status_code == 200
        assert httpx.get(f"{dev.said['gateway']}/ready").status_code == 200
        status, err = dev.stop()
    assert status == 0
    for told in (f"{dev.said['gateway']}/mcp", USER.email, USER.password, "claude mcp add", "mcp.json", "Inspector"):
        assert told in err
    assert dev.said["supabase_secret_key"] not in err


def test_demo_accounts_sign_in_with_their_roles(dev: Development) -> None:
    gateway = dev.said["gateway"]
    with contextlib.closing(RawClient(gateway)) as client:
        client.register()
        for account, role in ((USER, "user"), (AGENT, "agent"), (ADMIN, "admin")):
            issued = tokens(gateway, client, account.email, account.password).json()
            called = client.call_tool(issued["access_token"])
            assert called.json()["result"]["structuredContent"]["data"]["role"] == role


def test_everything_is_kept_across_restarts_even_a_sudden_one(tmp_path: Path) -> None:
    with on_any_port(tmp_path / "state") as dev:
        gateway, supabase = dev.said["gateway"], dev.said["supabase"]
        client = RawClient(gateway)
        client.register()
        issued = tokens(gateway, client, USER.email, USER.password).json()
        dev.process.kill()
        dev.process.wait()
    ports = [str(urlsplit(url).port) for url in (gateway, supabase)]
    with development(tmp_path / "state", "--port", ports[0], "--supabase-port", ports[1]) as again:
        assert again.said == dev.said
        assert client.call_tool(issued["access_token"]).status_code == 200
        assert client.refresh(issued["refresh_token"]).status_code == 200
    client.close()


@pytest.mark.usefixtures("dev")
def test_state_is_readable_by_its_owner_alone(state: Path) -> None:
    assert state.stat().st_mode & 0o077 == 0
    assert {path.name for path in state.iterdir() if path.stat().st_mode & 0o077} == set()


def refused(tmp_path: Path, *arguments: str) -> str:
    result = subprocess.run(  # noqa: S603 - our own command
        command("dev", "--data-dir", str(tmp_path / "state"), *arguments),
        env=clean_environment({}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    return result.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])  # noqa: S104 - that it is refused
def test_only_this_machine_is_listened_on(tmp_path: Path, host: str) -> None:
    assert f"--host {host} is not loopback" in refused(tmp_path, "--host", host)


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = refused(tmp_path, "--port", port, "--supabase-port", "0")
    assert f"Cannot listen on 127.0.0.1 port {port}" in told
    assert "Choose another port." in told
    assert len(told.splitlines()) == 1


def test_inspector_is_registered_beforehand(dev: Development) -> None:
    gateway = dev.said["gateway"]
    callback = "http://localhost:6274/oauth/callback"
    with contextlib.closing(RawClient(gateway, redirect_uri=callback)) as client:
        client.client_id = "mcp-inspector"
        issued = tokens(gateway, client, ADMIN.email, ADMIN.password, "/mcp-admin").json()
        called = client.call_tool(issued["access_token"], "admin_system_status", "/mcp-admin")
    assert called.json()["result"]["structuredContent"]["ok"] is True
