"""The users table on both databases: one row a person, whoever comes first (SEED-30 to SEED-33)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from mcp_auth.users.models import AuthMethod, Identity
from mcp_auth.users.store import UserStore
from mcp_auth.users.tables import users
from oauth.foundation.vocabulary import Role, Subject
from oauth.stores.opening import OpenDatabase, open_database

T = TypeVar("T")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ADA, EVE = Subject("ada"), Subject("eve")
PHONE, EMAIL = "+919876543210", "ada@example.com"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[OpenDatabase]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[OpenDatabase]:
    """Another node on the same database."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def store(database: OpenDatabase) -> UserStore:
    return UserStore(database)


async def count(database: OpenDatabase) -> int:
    query = select(func.count()).select_from(users)
    return await database.read(lambda connection: connection.execute(query).scalar_one())


# SEED-32
async def test_first_requests_of_one_person_at_once_make_one_row(
    database: OpenDatabase, elsewhere: OpenDatabase
) -> None:
    stores = UserStore(database), UserStore(elsewhere)
    identity = Identity(ADA, EMAIL, PHONE)
    found = await asyncio.gather(*(stores[number % 2].get_or_create(identity, NOW) for number in range(50)))
    assert len({user.id for user in found}) == 1
    assert await count(database) == 1


# SEED-32: the same without the help of one lock per process.
async def test_first_requests_of_one_person_on_many_nodes_make_one_row(database: OpenDatabase) -> None:
    identity = Identity(ADA, EMAIL, PHONE)
    found = await asyncio.gather(*(UserStore(database).get_or_create(identity, NOW) for _ in range(50)))
    assert len({user.id for user in found}) == 1
    assert await count(database) == 1


# SEED-32: each is somebody else, and one of them gets the email.
async def test_people_who_claim_one_identifier_at_once_are_people_of_their_own(
    database: OpenDatabase, elsewhere: OpenDatabase
) -> None:
    stores = UserStore(database), UserStore(elsewhere)
    found = await asyncio.gather(
        *(
            stores[number % 2].get_or_create(Identity(Subject(f"person_{number}"), EMAIL, None), NOW)
            for number in range(20)
        )
    )
    assert len({user.id for user in found}) == 20
    assert [user.email for user in found if user.email is not None] == [EMAIL]


# SEED-32: who proves the identifier of a waiting row first has it; nobody else gets it, or its role.
async def test_row_that_waits_is_linked_once(database: OpenDatabase, elsewhere: OpenDatabase) -> None:
    stores = UserStore(database), UserStore(elsewhere)
    waiting = await stores[0].provision(EMAIL, None, Role.AGENT, NOW)
    found = await asyncio.gather(
        *(
            stores[number % 2].get_or_create(Identity(Subject(f"person_{number}"), EMAIL, None), NOW)
            for number in range(20)
        )
    )
    assert [user.role for user in found if user.id == waiting.id] == [Role.AGENT]
    assert sum(user.role is Role.USER for user in found) == 19


# SEED-30, SEED-32
async def test_provisioned_row_becomes_its_persons_and_keeps_its_role(store: UserStore) -> None:
    waiting = await store.provision(None, PHONE, Role.AGENT, NOW)
    assert await store.get(ADA) is None
    linked = await store.get_or_create(Identity(ADA, EMAIL, "9876543210"), LATER)
    assert (linked.id, linked.supabase_id, linked.role) == (waiting.id, ADA, Role.AGENT)
    assert (linked.email, linked.phone, linked.created_at) == (EMAIL, PHONE, NOW)
    assert await store.get(ADA) == linked


# F-1
async def test_unverified_identifier_links_nothing(store: UserStore) -> None:
    waiting = await store.provision(EMAIL, PHONE, Role.ADMIN, NOW)
    stranger = await store.get_or_create(Identity(EVE, None, None), NOW)
    assert stranger.id != waiting.id
    assert stranger.role is Role.USER


# SEED-32
async def test_row_of_another_person_is_never_linked(store: UserStore) -> None:
    hers = await store.get_or_create(Identity(ADA, EMAIL, PHONE), NOW)
    his = await store.get_or_create(Identity(EVE, EMAIL, PHONE), NOW)
    assert his.id != hers.id
    assert (his.email, his.phone) == (None, None)
    assert await store.get(ADA) == hers


# SEED-32
async def test_missing_identifiers_are_filled_and_none_is_overwritten(store: UserStore) -> None:
    await store.get_or_create(Identity(ADA, EMAIL, None), NOW)
    filled = await store.get_or_create(Identity(ADA, "new@example.com", PHONE), LATER)
    assert (filled.email, filled.phone) == (EMAIL, PHONE)
    assert await store.get_or_create(Identity(ADA, "new@example.com", "+15551234567"), LATER) == filled


# SEED-32: no lock and no write where there is nothing to write.
async def test_known_person_costs_one_read(store: UserStore, database: OpenDatabase, elsewhere: OpenDatabase) -> None:
    await store.get_or_create(Identity(ADA, EMAIL, PHONE), NOW)
    reader = UserStore(OnlyReads(database))
    assert (await reader.get_or_create(Identity(ADA, EMAIL, PHONE), LATER)).supabase_id == ADA
    assert (await UserStore(OnlyReads(elsewhere)).get_or_create(Identity(ADA, None, None), LATER)).phone == PHONE


class OnlyReads:
    """A database that a hot path may not write to."""

    def __init__(self, database: OpenDatabase) -> None:
        self.read = database.read
        self.close = database.close

    async def write(self, work: Callable[[Connection], T]) -> T:
        raise AssertionError(f"a write: {work}")


async def test_what_is_no_number_is_not_kept(store: UserStore) -> None:
    assert (await store.get_or_create(Identity(ADA, None, "+1"), NOW)).phone is None


# SEED-33, SEED-23: the database refuses what is none.
@pytest.mark.parametrize("values", [{"role": "owner"}, {"last_auth_method": "guess"}, {"is_active": 2}])
async def test_database_takes_only_known_words(
    store: UserStore, database: OpenDatabase, values: dict[str, object]
) -> None:
    await store.get_or_create(Identity(ADA, None, None), NOW)
    with pytest.raises(IntegrityError):
        await database.write(lambda connection: connection.execute(update(users).values(values)))


# SEED-30, SEED-31: unique where there is one, and any number of rows have none.
@pytest.mark.parametrize("name", ["email", "phone"])
async def test_identifier_belongs_to_one_row(store: UserStore, database: OpenDatabase, name: str) -> None:
    for subject in (ADA, EVE):
        await store.get_or_create(Identity(subject, None, None), NOW)

    def both(connection: Connection) -> None:
        connection.execute(update(users).values({name: "the same"}))

    with pytest.raises(IntegrityError):
        await database.write(both)


async def test_rows_that_wait_have_no_supabase_id_in_common(store: UserStore, database: OpenDatabase) -> None:
    await store.provision("a@example.com", None, Role.USER, NOW)
    await store.provision("b@example.com", None, Role.USER, NOW)
    with pytest.raises(IntegrityError):
        await store.provision("b@example.com", None, Role.USER, NOW)
    assert await count(database) == 2


# SEED-23
async def test_last_auth_method_is_kept_with_its_time(store: UserStore) -> None:
    await store.get_or_create(Identity(ADA, EMAIL, None), NOW)
    assert await store.set_last_auth_method(ADA, AuthMethod.GOOGLE, LATER)
    user = await store.get(ADA)
    assert user is not None
    assert (user.last_auth_method, user.last_auth_method_at) == (AuthMethod.GOOGLE, LATER)


# SEED-22
async def test_anonymised_row_holds_nothing_personal_and_comes_back_for_nobody(
    store: UserStore, database: OpenDatabase
) -> None:
    made = await store.get_or_create(Identity(ADA, EMAIL, PHONE), NOW)
    await store.set_role(ADA, Role.ADMIN, NOW)
    await store.set_last_auth_method(ADA, AuthMethod.GOOGLE, NOW)
    assert await store.anonymise(ADA, LATER)
    assert not await store.anonymise(ADA, LATER + timedelta(days=1))  # again is no harm
    user = await store.get_or_create(Identity(ADA, EMAIL, PHONE), LATER)
    assert (user.id, user.email, user.phone, user.role) == (made.id, None, None, Role.USER)
    assert (user.is_active, user.deleted_at, user.last_auth_method) == (False, LATER, None)
    assert not await store.set_active(ADA, LATER, active=True)
    assert not await store.set_role(ADA, Role.ADMIN, LATER)
    whole = await database.read(lambda connection: [str(row) for row in connection.execute(select(users))])
    assert not any(EMAIL in row or PHONE in row for row in whole)
    # The address is free for whoever comes next with it.
    assert (await store.get_or_create(Identity(EVE, EMAIL, PHONE), LATER)).email == EMAIL


# SEED-22: even by hand.
async def test_deleted_row_cannot_hold_an_address(database: OpenDatabase) -> None:
    row = {"id": "x", "role": "user", "is_active": 0, "created_at": 0, "updated_at": 0, "deleted_at": 1}
    with pytest.raises(IntegrityError):
        await database.write(lambda connection: connection.execute(insert(users).values(email=EMAIL, **row)))
