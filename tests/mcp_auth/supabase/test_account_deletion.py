"""Deleting an account, interrupted at every step (SEED-22)."""

from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from mcp_auth.supabase.account_deletion import AccountDeletion
from mcp_auth.supabase.admin import SupabaseAdmin
from mcp_auth.supabase.client import SupabaseClient
from mcp_auth.users.models import Identity, User
from mcp_auth.users.store import UserStore
from mcp_auth.users.tables import account_deletions
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.vocabulary import Subject
from oauth.stores.opening import OpenDatabase, open_database
from tests.support.clock import SettableClock
from tests.support.gateway import USER, RunningSupabase, running_supabase

ADA = Subject(USER.id)


class Crash(Exception):
    """The process ends here."""


class Ending:
    """Ends access, as the gateway does; crashes where a test says so."""

    def __init__(self, users: UserStore) -> None:
        self._users = users
        self.was_refused = False
        self.ended: list[Subject] = []
        self.unlinked: list[Subject] = []
        self.crashes = False

    async def end_everything(self, subject: Subject, reason: str) -> None:
        assert reason == "account_deleted"
        if self.crashes:
            raise Crash
        user = await self._users.get(subject)
        self.was_refused = user is None or not user.is_active
        self.ended.append(subject)

    async def end_grants(self, subject: Subject, reason: str) -> None:
        raise AssertionError(f"of {subject} all has to end, not grants alone as for {reason}")

    async def remove_links(self, subject: Subject) -> None:
        self.unlinked.append(subject)

    async def select_with_access(self, subjects: Collection[Subject]) -> Collection[Subject]:
        return subjects


class World:
    """A person with a row, on a node that can be started again."""

    def __init__(
        self, database: OpenDatabase, project: RunningSupabase, http: httpx.AsyncClient, clock: SettableClock
    ) -> None:
        self.database = database
        self.project = project
        self.clock = clock
        self.users = UserStore(database)
        self.ending = Ending(self.users)
        self.admin = SupabaseAdmin(SupabaseClient(project.url, project.stand_in.secret_key, http))
        self.deletion = AccountDeletion(database, self.users, self.admin, self.ending, clock)

    async def row(self) -> User:
        user = await self.users.get(ADA)
        assert user is not None
        return user

    async def pending(self) -> int:
        query = select(func.count()).select_from(account_deletions)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())

    async def is_deleted_everywhere(self) -> bool:
        user = await self.row()
        return (
            user.deleted_at is not None
            and user.email is None
            and self.ending.ended[-1:] == self.ending.unlinked[-1:] == [ADA]
            and await self.admin.get_user(ADA) is None
            and await self.pending() == 0
        )


@pytest.fixture
def project(tmp_path: Path, clock: SettableClock) -> Iterator[RunningSupabase]:
    with running_supabase(tmp_path / "supabase", clock) as running:
        yield running


@pytest.fixture
async def world(database_url: str, project: RunningSupabase, clock: SettableClock) -> AsyncIterator[World]:
    database = await open_database(database_url)
    async with httpx.AsyncClient() as http:
        world = World(database, project, http, clock)
        await world.users.get_or_create(Identity(ADA, USER.email, None), clock())
        yield world
    await database.close()


# SEED-22
async def test_person_is_deleted_everywhere_and_again_is_no_harm(world: World) -> None:
    await world.deletion.delete(ADA)
    assert await world.is_deleted_everywhere()
    await world.deletion.delete(ADA)
    assert await world.is_deleted_everywhere()


async def test_person_who_is_gone_at_supabase_already_is_deleted_here(world: World) -> None:
    await world.admin.delete_user(ADA)
    await world.deletion.delete(ADA)
    assert await world.is_deleted_everywhere()


@pytest.mark.parametrize("fault", ["down", "500", "429", "html"])
async def test_supabase_in_trouble_leaves_the_row_as_it_was(world: World, fault: str) -> None:
    before = await world.row()
    world.project.stand_in.faults.set(fault)
    with pytest.raises(ProviderUnavailable):
        await world.deletion.delete(ADA)
    assert await world.row() == before
    assert world.ending.ended == []
    world.project.stand_in.faults.clear()
    await world.deletion.delete(ADA)
    assert await world.is_deleted_everywhere()


# Otherwise a node that looks in between remembers the person as active, and gives what nothing ends.
async def test_person_is_refused_before_the_access_ends(world: World) -> None:
    await world.deletion.delete(ADA)
    assert world.ending.ended == [ADA]
    assert world.ending.was_refused


# Whoever was told that it did not work must not lose the account an hour later.
async def test_deletion_that_failed_is_not_made_up_for_later(world: World) -> None:
    world.project.stand_in.faults.set("500")
    with pytest.raises(ProviderUnavailable):
        await world.deletion.delete(ADA)
    world.project.stand_in.faults.clear()
    world.clock.advance(minutes=2)
    await world.deletion.finish_interrupted()
    assert (await world.row()).email == USER.email
    assert await world.pending() == 0


async def test_crash_after_supabase_deleted_is_made_up_for(world: World) -> None:
    world.ending.crashes = True
    with pytest.raises(Crash):
        await world.deletion.delete(ADA)
    world.ending.crashes = False
    await world.deletion.finish_interrupted()
    assert await world.pending() == 1  # it could still be under way
    world.clock.advance(minutes=1)
    await world.deletion.finish_interrupted()
    assert await world.is_deleted_everywhere()


async def test_crash_after_supabase_deleted_is_made_up_for_by_asking_again(world: World) -> None:
    world.ending.crashes = True
    with pytest.raises(Crash):
        await world.deletion.delete(ADA)
    world.ending.crashes = False
    await world.deletion.delete(ADA)
    assert await world.is_deleted_everywhere()


# The reply was lost, but Supabase had done it.
async def test_deletion_whose_answer_was_lost_is_made_up_for(world: World) -> None:
    world.project.stand_in.faults.set("500")
    with pytest.raises(ProviderUnavailable):
        await world.deletion.delete(ADA)
    world.project.stand_in.faults.clear()
    await world.admin.delete_user(ADA)
    world.clock.advance(minutes=2)
    await world.deletion.finish_interrupted()
    assert await world.is_deleted_everywhere()


async def test_settling_waits_while_supabase_cannot_be_asked(world: World) -> None:
    world.ending.crashes = True
    with pytest.raises(Crash):
        await world.deletion.delete(ADA)
    world.ending.crashes = False
    world.clock.advance(minutes=2)
    world.project.stand_in.faults.set("500")
    with pytest.raises(ProviderUnavailable):
        await world.deletion.finish_interrupted()
    assert await world.pending() == 1
    world.project.stand_in.faults.clear()
    await world.deletion.finish_interrupted()
    assert await world.is_deleted_everywhere()


async def test_settling_twice_and_on_two_nodes_is_no_harm(world: World) -> None:
    world.ending.crashes = True
    with pytest.raises(Crash):
        await world.deletion.delete(ADA)
    world.ending.crashes = False
    world.clock.advance(minutes=2)
    await world.deletion.finish_interrupted()
    deleted_at = (await world.row()).deleted_at
    world.clock.advance(minutes=2)
    await world.deletion.finish_interrupted()
    await world.deletion.delete(ADA)
    assert (await world.row()).deleted_at == deleted_at
