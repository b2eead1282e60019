"""The command line: what refuses to start says in a sentence what to set; keys and users are looked after."""

import asyncio
import re
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from mcp_auth.supabase.sealed_sessions import SealedSessions
from mcp_auth.users.models import Identity
from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Subject
from oauth.stores.opening import OpenDatabase, open_database
from servers.observability.version import VERSION
from tests.support.command_line import Run
from tests.support.gateway import ADMIN, SECRET, USER
from tests.support.processes import clean_environment, command

T = TypeVar("T")


def complete(database_url: str, **changed: str) -> dict[str, str]:
    return {
        "public_url": "https://mcp.example.com",
        "secret": SECRET,
        "supabase_url": "https://abc.supabase.co",
        "supabase_publishable_key": "sb_publishable_1",
        "database_url": database_url,
        **changed,
    }


def test_version_is_told(run: Run) -> None:
    assert run("--version") == (0, f"{VERSION}\n", "")


def test_help_names_every_command(run: Run) -> None:
    _, out, _ = run("--help")
    assert all(name in out for name in ("dev", "serve", "migrate", "keys", "users", "clients"))


def test_misspelt_command_is_refused(run: Run) -> None:
    status, out, err = run("server")
    assert status != 0
    assert "server" in out + err


def test_serve_names_everything_that_is_missing(run: Run) -> None:
    status, out, err = run("serve")
    assert (status, out) == (2, "")
    assert [line.split()[1] for line in err.splitlines()] == [
        "MCP_AUTH_PUBLIC_URL",
        "MCP_AUTH_SECRET",
        "MCP_AUTH_SUPABASE_URL",
        "MCP_AUTH_SUPABASE_PUBLISHABLE_KEY",
    ]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"public_url": "http://mcp.example.com"}, "MCP_AUTH_PUBLIC_URL is plain http"),
        ({"secret": "weak"}, "MCP_AUTH_SECRET is too weak"),
    ],
)
def test_serve_refuses_what_is_unsafe(run: Run, sqlite_url: str, changed: dict[str, str], sentence: str) -> None:
    status, _, err = run("serve", **complete(sqlite_url, **changed))
    assert status == 2
    assert err.startswith(f"mcp-auth: {sentence}")
    assert len(err.splitlines()) == 1


def test_serve_refuses_an_empty_database_and_says_how_to_migrate(run: Run, tmp_path: Path) -> None:
    status, _, err = run("serve", **complete(f"sqlite:///{tmp_path}/empty.sqlite"))
    assert status == 2
    assert "mcp-auth migrate" in err
    assert len(err.splitlines()) == 1


def test_serve_refuses_a_database_of_another_version(run: Run, sqlite_url: str) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    status, _, err = run("serve", **complete(sqlite_url))
    assert status == 2
    assert "9999" in err


def test_serve_refuses_a_database_that_it_cannot_reach(run: Run) -> None:
    status, _, err = run("serve", **complete("postgresql://nobody@127.0.0.1:1/none"))
    assert status == 2
    assert err.startswith("mcp-auth: The database at MCP_AUTH_DATABASE_URL cannot be used: ")


def test_serve_refuses_keys_that_its_secret_does_not_open(run: Run, sqlite_url: str) -> None:
    assert run("keys", "rotate", **complete(sqlite_url))[0] == 0
    status, _, err = run("serve", **complete(sqlite_url, secret=f"another-{SECRET}"))
    assert status == 2
    assert "MCP_AUTH_SECRET" in err
    assert len(err.splitlines()) == 1


def test_serve_points_out_a_setting_that_does_not_exist(run: Run) -> None:
    _, _, err = run("keys", "list", **complete("sqlite:////nowhere/x.sqlite", trusted_hops="1"))
    assert "MCP_AUTH_TRUSTED_HOPS is set, and there is no such setting: is it misspelt?" in err


def test_migrate_makes_the_database_ready_and_needs_no_secrets(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.sqlite"
    status, out, err = run("migrate", database_url=url)
    assert (status, out) == (0, "")
    assert re.fullmatch(r"The database is at revision \w+\.\n", err)
    assert run("keys", "list", **complete(url))[0] == 0
    assert (tmp_path / "new.sqlite").stat().st_mode & 0o077 == 0


def test_migrate_says_in_a_sentence_what_it_cannot_reach(run: Run, tmp_path: Path) -> None:
    status, _, err = run("migrate", database_url="postgresql://nobody@127.0.0.1:1/none")
    assert (status, err) == (
        2,
        "mcp-auth: The database at MCP_AUTH_DATABASE_URL cannot be used: ConnectionRefusedError.\n",
    )
    status, _, err = run("migrate", database_url=f"sqlite:///{tmp_path}/nowhere/x.sqlite")
    sentence = f"There is no folder {tmp_path}/nowhere for the database: make it, or name another."
    assert (status, err) == (2, f"mcp-auth: {sentence}\n")


@pytest.mark.parametrize(
    "command",
    [
        ("users", "list"),
        ("users", "set-role", "ada@example.com", "admin"),
        ("users", "link", "ada@example.com", "https://acme.example", "1"),
        ("clients", "list"),
        ("explain", "fl_x"),
    ],
)
def test_command_on_a_database_that_is_behind_says_how_to_migrate(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "empty.sqlite").touch()
    status, out, err = run(*command, database_url=f"sqlite:///{tmp_path}/empty.sqlite")
    assert (status, out) == (2, "")
    assert "run `mcp-auth migrate`" in err


def test_migrate_works_on_postgresql(run: Run, postgresql_url: str) -> None:
    assert run("migrate", database_url=postgresql_url)[0] == 0


def test_commands_are_found_on_the_command_line() -> None:
    result = subprocess.run(  # noqa: S603 - our own command
        command("--version"), env=clean_environment({}), capture_output=True, text=True, check=True
    )
    assert result.stdout == f"{VERSION}\n"


def test_keys_are_listed_and_a_new_one_is_published_before_it_signs(run: Run, database_url: str) -> None:
    settings = complete(database_url)
    status, out, _ = run("keys", "rotate", **settings)
    assert status == 0
    status, out, _ = run("keys", "list", **settings)
    rows = [line.split("\t") for line in out.splitlines()]
    assert [state for _, state, _ in rows] == ["signs", "next"]
    wait = datetime.fromisoformat(rows[1][2]) - datetime.now(UTC)
    assert timedelta(minutes=14) < wait <= timedelta(minutes=15)


async def at(database_url: str, work: Callable[[OpenDatabase], Awaitable[T]]) -> T:
    database = await open_database(database_url)
    try:
        return await work(database)
    finally:
        await database.close()


async def people(database_url: str) -> None:
    async def add(database: OpenDatabase) -> None:
        users, now = UserStore(database), datetime.now(UTC)
        await users.get_or_create(Identity(Subject(USER.id), USER.email, None), now)
        await users.get_or_create(Identity(Subject(ADMIN.id), ADMIN.email, None), now)

    await at(database_url, add)


def test_users_are_found_and_given_roles(run: Run, database_url: str) -> None:
    asyncio.run(people(database_url))
    assert run("users", "set-role", ADMIN.email, "admin", database_url=database_url)[0] == 0
    _, out, _ = run("users", "list", database_url=database_url)
    assert {tuple(line.split("\t")) for line in out.splitlines()} == {
        (USER.id, "user", "active", USER.email),
        (ADMIN.id, "admin", "active", ADMIN.email),
    }
    _, out, _ = run("users", "list", "admin@", database_url=database_url)
    assert out.startswith(ADMIN.id)
    assert len(out.splitlines()) == 1


def test_role_of_a_deleted_account_is_not_set(run: Run, database_url: str) -> None:
    async def delete(database: OpenDatabase) -> None:
        await UserStore(database).anonymise(Subject(USER.id), datetime.now(UTC))

    asyncio.run(people(database_url))
    asyncio.run(at(database_url, delete))
    refused = (2, "", f"mcp-auth: The account {USER.id} has been deleted.\n")
    assert run("users", "set-role", USER.id, "admin", database_url=database_url) == refused


# D-14: the same ends as when Supabase says that the person is gone.
def test_deactivated_user_leaves_no_supabase_session_behind(run: Run, database_url: str) -> None:
    async def hold(database: OpenDatabase) -> None:
        await SealedSessions(database).put(Subject(USER.id), b"sealed")

    async def held(database: OpenDatabase) -> bytes | None:
        return await SealedSessions(database).get(Subject(USER.id))

    asyncio.run(people(database_url))
    asyncio.run(at(database_url, hold))
    deactivated = (0, f"{USER.id}\tinactive\n", "")
    assert run("users", "deactivate", USER.email, database_url=database_url) == deactivated
    assert asyncio.run(at(database_url, held)) is None


def test_role_of_somebody_unknown_is_not_set(run: Run, sqlite_url: str) -> None:
    status, out, err = run("users", "set-role", "nobody@example.com", "admin", database_url=sqlite_url)
    assert (status, out) == (2, "")
    assert "nobody@example.com" in err


def test_role_that_does_not_exist_is_refused(run: Run, sqlite_url: str) -> None:
    asyncio.run(people(sqlite_url))
    status, out, err = run("users", "set-role", USER.email, "root", database_url=sqlite_url)
    assert status != 0
    assert "root" in out + err


@pytest.mark.parametrize("name", ["%", "_", "user", "@example.com"])
def test_role_is_never_set_for_a_part_of_a_name(run: Run, sqlite_url: str, name: str) -> None:
    asyncio.run(people(sqlite_url))
    assert run("users", "set-role", name, "admin", database_url=sqlite_url)[0] == 2
    assert "admin\tactive" not in run("users", "list", database_url=sqlite_url)[1]
