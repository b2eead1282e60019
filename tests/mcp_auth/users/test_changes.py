"""Roles, and who is active: changed for one person at a time, and by nothing that the person does."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_auth.users.models import Identity
from mcp_auth.users.store import UserStore
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.vocabulary import Role, Subject
from oauth.stores.opening import open_database
from tests.support.builders import NOW

ADA = Identity(Subject("ada"), "ada@example.com", "+919876543001")
BOB = Identity(Subject("bob"), "bob@example.com", "+919876543002")
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[UserStore]:
    opened = await open_database(database_url)
    yield UserStore(opened)
    await opened.close()


async def test_new_person_is_an_active_user_with_what_supabase_has_verified(store: UserStore) -> None:
    now = NOW + timedelta(microseconds=123_457)
    made = await store.get_or_create(ADA, now)
    assert (made.supabase_id, made.email, made.phone, made.created_at) == (ADA.supabase_id, ADA.email, ADA.phone, now)
    assert (made.role, made.is_active) == (Role.USER, True)
    assert await store.get(ADA.supabase_id) == made
    assert await store.get(Subject("nobody")) is None


async def test_role_is_set_and_nothing_else(store: UserStore) -> None:
    ada, bob = await store.get_or_create(ADA, NOW), await store.get_or_create(BOB, NOW)
    for role in (Role.ADMIN, Role.AGENT, Role.USER):
        assert await store.set_role(ADA.supabase_id, role, LATER)
        assert await store.get(ADA.supabase_id) == replace(ada, role=role)
        assert await store.get(BOB.supabase_id) == bob
        assert await store.get_or_create(ADA, LATER) == replace(ada, role=role)


async def test_person_is_deactivated_and_comes_back_and_signing_in_changes_neither(store: UserStore) -> None:
    ada, bob = await store.get_or_create(ADA, NOW), await store.get_or_create(BOB, NOW)
    for active in (False, True):
        assert await store.set_active(ADA.supabase_id, LATER, active=active)
        assert await store.get(ADA.supabase_id) == replace(ada, is_active=active)
        assert await store.get_or_create(ADA, LATER) == replace(ada, is_active=active)
    assert await store.get(BOB.supabase_id) == bob


async def test_filling_in_an_identifier_keeps_the_role_and_the_deactivation(store: UserStore) -> None:
    made = await store.get_or_create(replace(ADA, phone=None), NOW)
    await store.set_role(ADA.supabase_id, Role.AGENT, NOW)
    await store.set_active(ADA.supabase_id, NOW, active=False)
    filled = replace(made, phone=ADA.phone, role=Role.AGENT, is_active=False)
    assert await store.get_or_create(ADA, LATER) == filled


async def test_changes_say_whether_there_is_such_a_person(store: UserStore) -> None:
    assert not await store.set_role(Subject("nobody"), Role.ADMIN, NOW)
    assert not await store.set_active(Subject("nobody"), NOW, active=True)
    assert await store.get(Subject("nobody")) is None


@contextmanager
def away(path: Path) -> Iterator[None]:
    """The file is somewhere else while the context is open."""
    elsewhere = path.rename(path.with_name("elsewhere"))
    yield
    elsewhere.rename(path)


# D-16
async def test_database_that_is_gone_is_an_outage_and_not_a_stranger(sqlite_url: str) -> None:
    opened = await open_database(sqlite_url)
    store = UserStore(opened)
    ada = await store.get_or_create(ADA, NOW)
    with away(Path(sqlite_url.removeprefix("sqlite:///"))):
        for call in (store.get_or_create(BOB, NOW), store.set_role(ADA.supabase_id, Role.ADMIN, NOW)):
            with pytest.raises(StoreUnavailable):
                await call
    assert await store.get(BOB.supabase_id) is None
    assert await store.get_or_create(ADA, LATER) == ada
    await opened.close()
