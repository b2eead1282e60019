import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oauth.vocabulary import Role
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, AGENT, Gateway, RunningSupabase, running_gateway, running_supabase


@pytest.fixture
def supabase(tmp_path: Path, clock: SettableClock) -> Iterator[RunningSupabase]:
    with running_supabase(tmp_path / "supabase", clock) as running:
        yield running


@pytest.fixture
def gateway(database_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """The gateway on each database."""
    with running_gateway(database_url, supabase, clock) as running:
        running.set_role(AGENT, Role.AGENT)
        running.set_role(ADMIN, Role.ADMIN)
        yield running


@pytest.fixture
def sqlite_gateway(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """For what does not depend on the database."""
    with running_gateway(sqlite_url, supabase, clock) as running:
        running.set_role(AGENT, Role.AGENT)
        running.set_role(ADMIN, Role.ADMIN)
        yield running


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait for what happens in the background; five seconds are what D-6 promises."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, "it did not happen within 5 s"
            time.sleep(0.05)

    return wait
