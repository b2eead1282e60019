"""Clients that we did not write connect to a gateway of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oauth.foundation.vocabulary import Role
from tests.support import npm
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, Gateway, RunningSupabase, running_gateway, running_supabase


@pytest.fixture(scope="session")
def installed() -> Path:
    """The npm project with its packages."""
    return npm.install()


@pytest.fixture
def supabase(tmp_path: Path, clock: SettableClock) -> Iterator[RunningSupabase]:
    with running_supabase(tmp_path / "supabase", clock) as running:
        yield running


@pytest.fixture
def gateway(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    with running_gateway(sqlite_url, supabase, clock) as running:
        running.set_role(ADMIN, Role.ADMIN)
        yield running
