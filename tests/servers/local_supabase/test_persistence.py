"""What a stand-in knew before it was stopped, it knows afterwards; and nobody else on the machine can read it."""

import contextlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import pytest
from starlette.types import ASGIApp

from servers.local_supabase import DEMO_ACCOUNTS, LocalSupabase, open_local_supabase
from tests.servers.local_supabase.wire import Somebody, Wire, refusal_of, session_of
from tests.support.clock import SettableClock
from tests.support.gateway import RunningSupabase
from tests.support.live_server import bind, serving

USER = DEMO_ACCOUNTS[0]


class Machine:
    """Where a stand-in is started and stopped, always on the same folder and port."""

    def __init__(self, folder: Path, clock: SettableClock) -> None:
        self.folder = folder
        self._clock = clock
        self._port = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[Wire]:
        listening, url = bind(self._port)
        self._port = urlsplit(url).port or 0
        opened: list[LocalSupabase] = []

        @contextlib.asynccontextmanager
        async def open_app() -> AsyncIterator[ASGIApp]:
            async with open_local_supabase(self.folder, public_url=url, clock=self._clock, password_cost=4) as stand_in:
                opened.append(stand_in)
                yield stand_in.app

        with serving(open_app, listening) as running, Wire(RunningSupabase(url, opened[0], running)) as wire:
            yield wire


@pytest.fixture
def machine(tmp_path: Path, clock: SettableClock) -> Machine:
    return Machine(tmp_path / "data", clock)


def test_accounts_survive_a_restart(machine: Machine) -> None:
    with machine.running() as wire:
        made = wire.post("/signup", json={"email": "ada@example.net", "password": "a-good-password"}).json()["user"]
    with machine.running() as wire:
        assert wire.sign_in(Somebody(made["id"], made["email"], "a-good-password"))["user"]["id"] == made["id"]
        assert wire.as_service("GET", f"/admin/users/{made['id']}").json()["created_at"] == made["created_at"]


def test_sessions_survive_a_restart_and_so_does_their_end(machine: Machine) -> None:
    person = Somebody(USER.id, USER.email, USER.password)
    with machine.running() as wire:
        kept, ended = wire.sign_in(person), wire.sign_in(person)
        wire.post("/logout?scope=local", bearer=ended["access_token"])
    with machine.running() as wire:
        assert wire.get("/user", bearer=kept["access_token"]).json()["id"] == USER.id
        assert session_of(wire.refresh(kept["refresh_token"]))["user"]["id"] == USER.id
        assert refusal_of(wire.get("/user", bearer=ended["access_token"])) == (403, "session_not_found")
        assert refusal_of(wire.refresh(ended["refresh_token"])) == (400, "refresh_token_not_found")


def test_rotation_goes_on_where_it_was(machine: Machine) -> None:
    with machine.running() as wire:
        first = wire.sign_in(Somebody(USER.id, USER.email, USER.password))
        second = session_of(wire.refresh(first["refresh_token"]))
    with machine.running() as wire:
        assert session_of(wire.refresh(first["refresh_token"]))["refresh_token"] == second["refresh_token"]
        session_of(wire.refresh(second["refresh_token"]))
        assert refusal_of(wire.refresh(first["refresh_token"])) == (400, "refresh_token_already_used")


def test_keys_survive_a_restart(machine: Machine) -> None:
    with machine.running() as wire:
        wire.local("POST", "/rotate-keys")
        api_keys = wire.supabase.stand_in.publishable_key, wire.supabase.stand_in.secret_key
        published = wire.get("/.well-known/jwks.json").json()
    with machine.running() as wire:
        assert (wire.supabase.stand_in.publishable_key, wire.supabase.stand_in.secret_key) == api_keys
        assert wire.get("/.well-known/jwks.json").json() == published
        token = wire.sign_in(Somebody(USER.id, USER.email, USER.password))["access_token"]
        assert jwt.get_unverified_header(token)["kid"] == published["keys"][0]["kid"]


def test_access_token_is_of_the_address_that_it_was_issued_at(tmp_path: Path, clock: SettableClock) -> None:
    here, elsewhere = Machine(tmp_path / "data", clock), Machine(tmp_path / "data", clock)
    with here.running() as wire:
        session = wire.sign_in(Somebody(USER.id, USER.email, USER.password))
        with elsewhere.running() as moved:
            assert refusal_of(moved.get("/user", bearer=session["access_token"])) == (403, "bad_jwt")
            refreshed = session_of(moved.refresh(session["refresh_token"]))
            assert moved.get("/user", bearer=refreshed["access_token"]).status_code == 200


def test_demo_account_that_was_changed_is_not_made_anew(machine: Machine) -> None:
    with machine.running() as wire:
        access_token = wire.sign_in(Somebody(USER.id, USER.email, USER.password))["access_token"]
        wire.send("PUT", "/user", json={"password": "a-newer-password"}, bearer=access_token)
        wire.as_service("DELETE", f"/admin/users/{DEMO_ACCOUNTS[1].id}")
    with machine.running() as wire:
        assert wire.sign_in(Somebody(USER.id, USER.email, "a-newer-password"))
        assert wire.as_service("GET", f"/admin/users/{DEMO_ACCOUNTS[1].id}").status_code == 404
        assert wire.as_service("GET", "/admin/users").headers["x-total-count"] == str(len(DEMO_ACCOUNTS) - 1)


def test_faults_do_not_survive_a_restart(machine: Machine) -> None:
    with machine.running() as wire:
        wire.supabase.stand_in.faults.set("500")
        assert wire.get("/health").status_code == 500
    with machine.running() as wire:
        assert wire.get("/health").status_code == 200


def test_each_folder_has_keys_of_its_own(tmp_path: Path, clock: SettableClock) -> None:
    with Machine(tmp_path / "one", clock).running() as one, Machine(tmp_path / "other", clock).running() as other:
        assert one.supabase.stand_in.secret_key != other.supabase.stand_in.secret_key
        assert one.supabase.stand_in.publishable_key != other.supabase.stand_in.publishable_key
        (key_of_one,), (key_of_other,) = (wire.get("/.well-known/jwks.json").json()["keys"] for wire in (one, other))
        assert key_of_one["x"] != key_of_other["x"]


@pytest.fixture
def _generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_generous_umask")
def test_only_the_owner_can_read_what_is_kept(machine: Machine) -> None:
    with machine.running() as wire:
        wire.sign_in(Somebody(USER.id, USER.email, USER.password))
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in machine.folder.iterdir()}
        assert set(files) >= {"supabase.sqlite", "supabase.sqlite-wal"}
        assert set(files.values()) == {0o600}
        assert stat.S_IMODE(machine.folder.stat().st_mode) == 0o700


def test_passwords_are_not_kept_as_they_are(machine: Machine) -> None:
    with machine.running() as wire:
        wire.post("/signup", json={"email": "ada@example.net", "password": "a-password-to-look-for"})
    kept = b"".join(path.read_bytes() for path in machine.folder.iterdir())
    assert b"ada@example.net" in kept
    assert b"a-password-to-look-for" not in kept
