"""Whom an administrator finds: by exactly what was typed, oldest first, and no more than asked for."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mcp_auth.users.models import Identity, User
from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Role, Subject
from oauth.stores.opening import open_database
from tests.support.builders import NOW

ADA = Identity(Subject("ada"), "ada@example.com", "+919876543001")
PEOPLE = (
    ADA,
    Identity(Subject("bob"), "bob@example.com", "+919876543002"),
    Identity(Subject("percent"), "100%@example.org", None),
    Identity(Subject("underscore"), "a_b@example.org", None),
    Identity(Subject("letter"), "axb@example.org", None),
    Identity(Subject("backslash"), "back\\slash@example.org", None),
    Identity(Subject("umlaut"), "jürgen@example.org", None),
    Identity(Subject("nameless"), None, None),
)

FOUND: dict[str, tuple[str, list[str | None]]] = {
    "a part of an email": ("ada@", ["ada"]),
    "the same in capitals": ("ADA@Example.com", ["ada"]),
    "a part that many have": ("example.com", ["ada", "bob"]),
    "a part of a phone": ("6543", ["ada", "bob"]),
    "a whole phone": ("+919876543002", ["bob"]),
    "a whole id": ("nameless", ["nameless"]),
    "a part of an id": ("nameles", []),
    "an id in capitals": ("NAMELESS", []),
    "a percent sign": ("%", ["percent"]),
    "a percent sign that would span": ("1%@", []),
    "two percent signs": ("%%", []),
    "an underscore": ("a_b", ["underscore"]),
    "a backslash": ("\\", ["backslash"]),
    "a backslash before a wildcard": ("\\%", []),
    "a letter outside ASCII": ("JÜRGEN", ["umlaut"]),
    "a quote": ("' OR '1'='1", []),
    "what nobody has": ("zzz", []),
    "NUL": ("ada\0", []),
    "half of a character": ("ada\ud83d", []),
    "a line break": ("ada\n", []),
}


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[UserStore]:
    opened = await open_database(database_url)
    yield UserStore(opened)
    await opened.close()


async def put(store: UserStore, *people: Identity) -> list[User]:
    """One after the other, a second apart."""
    return [await store.get_or_create(each, NOW + timedelta(seconds=number)) for number, each in enumerate(people)]


async def found(store: UserStore, text: str, limit: int = 10) -> list[str | None]:
    return [each.supabase_id for each in await store.find(text, limit)]


async def test_people_are_found_by_exactly_what_was_typed(store: UserStore) -> None:
    await put(store, *PEOPLE)
    assert {what: (text, await found(store, text)) for what, (text, _) in FOUND.items()} == FOUND


async def test_people_are_found_oldest_first_and_no_more_than_asked_for(store: UserStore) -> None:
    ids = [f"p{number:02}" for number in range(12)]
    for number, name in reversed(list(enumerate(ids))):
        await store.get_or_create(Identity(Subject(name), f"{name}@example.com", None), NOW + timedelta(seconds=number))
    for limit in (1, 5, 11, 12, 13):
        assert await found(store, "@example.com", limit) == ids[:limit]


async def test_people_of_one_moment_are_found_in_one_order(store: UserStore) -> None:
    for number in range(12):
        await store.get_or_create(Identity(Subject(f"p{number}"), f"p{number}@example.com", None), NOW)
    whole = await found(store, "@example.com", 12)
    assert len(set(whole)) == 12
    assert [await found(store, "@example.com", limit) for limit in (3, 7)] == [whole[:3], whole[:7]]


async def test_found_people_are_as_they_are_now(store: UserStore) -> None:
    (ada,) = await put(store, ADA)
    await store.set_role(ADA.supabase_id, Role.ADMIN, NOW)
    await store.set_active(ADA.supabase_id, NOW, active=False)
    assert await store.find("ada", 10) == [replace(ada, role=Role.ADMIN, is_active=False)]


async def test_users_are_counted_by_role_also_those_that_nobody_has(store: UserStore) -> None:
    assert await store.count_by_role() == {Role.USER: 0, Role.AGENT: 0, Role.ADMIN: 0}
    await put(store, *PEOPLE[:3])
    await store.set_role(ADA.supabase_id, Role.ADMIN, NOW)
    assert await store.count_by_role() == {Role.USER: 2, Role.AGENT: 0, Role.ADMIN: 1}
