import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.local_supabase.wire import Somebody, Wire
from tests.support.clock import SettableClock
from tests.support.gateway import RunningSupabase, running_supabase

NewEmail = Callable[[], str]
NewPhone = Callable[[], str]
NewPerson = Callable[..., Somebody]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def _shared_supabase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSupabase]:
    with running_supabase(tmp_path_factory.mktemp("local_supabase") / "data", SettableClock()) as running:
        yield running


@pytest.fixture
def supabase(_shared_supabase: RunningSupabase) -> RunningSupabase:
    """A stand-in that all tests share: each brings accounts of its own, and nobody sets its clock or its faults."""
    return _shared_supabase


@pytest.fixture
def wire(supabase: RunningSupabase) -> Iterator[Wire]:
    with Wire(supabase) as open_wire:
        yield open_wire


@pytest.fixture
def own_supabase(tmp_path: Path, clock: SettableClock) -> Iterator[RunningSupabase]:
    """A stand-in of the test's own, with a clock that the test sets."""
    with running_supabase(tmp_path / "supabase", clock) as running:
        yield running


@pytest.fixture
def own_wire(own_supabase: RunningSupabase) -> Iterator[Wire]:
    with Wire(own_supabase) as open_wire:
        yield open_wire


@pytest.fixture
def new_email() -> NewEmail:
    return lambda: f"person-{next(_numbers)}@example.net"


@pytest.fixture
def new_phone() -> NewPhone:
    return lambda: f"+1555{next(_numbers):07d}"


@pytest.fixture
def new_person(supabase: RunningSupabase, new_email: NewEmail) -> NewPerson:
    """Makes accounts at the shared stand-in."""

    def make(*, email_confirmed: bool = True, banned: bool = False) -> Somebody:
        email, password = new_email(), "a-good-password"
        creation = supabase.stand_in.create_user(email, password, email_confirmed=email_confirmed, banned=banned)
        user_id = supabase.running.call(creation)
        return Somebody(user_id, email, password)

    return make


@pytest.fixture
def person(new_person: NewPerson) -> Somebody:
    return new_person()


@pytest.fixture
def own_person(own_supabase: RunningSupabase, new_email: NewEmail) -> Somebody:
    """Somebody at the stand-in of the test's own."""
    email, password = new_email(), "a-good-password"
    user_id = own_supabase.running.call(own_supabase.stand_in.create_user(email, password))
    return Somebody(user_id, email, password)
