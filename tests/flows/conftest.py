import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oauth.foundation.vocabulary import Role
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.databases import SqliteTemplate
from tests.support.document_server import DocumentServer, document_server
from tests.support.gateway import ADMIN, AGENT, Gateway, RunningSupabase, running_gateway, running_supabase


@pytest.fixture
def supabase(tmp_path: Path, clock: SettableClock) -> Iterator[RunningSupabase]:
    with running_supabase(tmp_path / "supabase", clock) as running:
        yield running


@pytest.fixture
def gateway(database_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """A gateway of the test's own, on each database."""
    with running_gateway(database_url, supabase, clock) as running:
        running.set_role(AGENT, Role.AGENT)
        running.set_role(ADMIN, Role.ADMIN)
        yield running


@pytest.fixture(scope="module")
def _shared_gateway(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[Gateway]:
    folder, clock = tmp_path_factory.mktemp("shared"), SettableClock()
    with (
        running_supabase(folder / "supabase", clock) as supabase,
        sqlite_template.database(folder) as url,
        running_gateway(url, supabase, clock) as running,
    ):
        running.set_role(AGENT, Role.AGENT)
        running.set_role(ADMIN, Role.ADMIN)
        yield running


@pytest.fixture
def sqlite_gateway(_shared_gateway: Gateway) -> Iterator[Gateway]:
    """A gateway on SQLite that the tests of a module share: each brings a client of its own, and its clock only goes
    forward. For what does not depend on the database and leaves people as they were."""
    yield _shared_gateway
    _shared_gateway.supabase.stand_in.faults.clear()
    _shared_gateway.close()


@pytest.fixture(scope="module")
def _hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentServer]:
    with document_server(tmp_path_factory.mktemp("documents")) as running:
        yield running


@pytest.fixture
def hosts(_hosts: DocumentServer) -> DocumentServer:
    """The internet, with nothing published yet."""
    _hosts.begin_anew()
    return _hosts


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait for what happens in the background."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it did not happen within 30 s"
            time.sleep(0.02)

    return wait


@pytest.fixture
def clients(run: Run, gateway: Gateway) -> Callable[..., Any]:
    """`mcp-auth clients …` on the gateway's database. → what it printed, decoded where it is JSON."""

    def command(*arguments: str) -> Any:  # noqa: ANN401 - JSON
        status, out, err = run("clients", *arguments, database_url=gateway.settings.database_url)
        assert status == 0, err
        return json.loads(out) if out.startswith("{") else out

    return command
