import pytest

from mcp_auth.users.access_status import AccessStatuses
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.resource_owners import AccessStatus
from tests.support.clock import SettableClock
from tests.support.people import People

ADA, BOB = Subject("ada"), Subject("bob")


@pytest.fixture
def people() -> People:
    people = People()
    people.put("ada", Role.ADMIN)
    return people


@pytest.fixture
def standings(people: People, clock: SettableClock) -> AccessStatuses:
    return AccessStatuses(people, people, clock)


async def test_person_stands_where_the_row_says(standings: AccessStatuses, people: People) -> None:
    people.put("bob", Role.AGENT, is_active=False)
    assert await standings.get(ADA) == AccessStatus(active=True, role=Role.ADMIN)
    assert await standings.get(BOB) == AccessStatus(active=False, role=Role.AGENT)


async def test_person_without_a_row_is_not_active(standings: AccessStatuses) -> None:
    assert await standings.get(BOB) == AccessStatus(active=False, role=Role.USER)


# D-14
async def test_person_whom_supabase_no_longer_has_is_not_active(standings: AccessStatuses, people: People) -> None:
    people.gone.add(ADA)
    assert await standings.get(ADA) == AccessStatus(active=False, role=Role.ADMIN)


# SEED-16
async def test_row_is_read_once_in_45_seconds(standings: AccessStatuses, people: People, clock: SettableClock) -> None:
    await standings.get(ADA)
    people.put("ada", Role.USER)
    clock.advance(seconds=44, milliseconds=999)
    assert await standings.get(ADA) == AccessStatus(active=True, role=Role.ADMIN)
    assert people.reads == 1
    clock.advance(milliseconds=1)
    assert await standings.get(ADA) == AccessStatus(active=True, role=Role.USER)
    assert people.reads == 2


# D-6, D-14: news make no one wait.
async def test_person_who_was_forgotten_is_read_again_at_once(standings: AccessStatuses, people: People) -> None:
    await standings.get(ADA)
    people.put("ada", Role.ADMIN, is_active=False)
    people.put("bob")
    standings.forget(ADA)
    standings.forget(BOB)  # nobody remembers him, and that is no harm
    assert await standings.get(ADA) == AccessStatus(active=False, role=Role.ADMIN)


async def test_each_person_is_remembered_apart(standings: AccessStatuses, people: People) -> None:
    people.put("bob")
    for _ in range(3):
        assert (await standings.get(ADA)).role is Role.ADMIN
        assert (await standings.get(BOB)).role is Role.USER
    assert people.reads == 2


# D-16: an outage is not remembered as a verdict, and what is known holds during it.
async def test_database_in_trouble_is_an_outage_until_it_answers(standings: AccessStatuses, people: People) -> None:
    people.is_down = True
    with pytest.raises(StoreUnavailable):
        await standings.get(ADA)
    people.is_down = False
    assert (await standings.get(ADA)).active
    people.is_down = True
    assert (await standings.get(ADA)).active
