"""Operations on users, over real stores."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mcp_auth.supabase.account_states import AccountState, State
from mcp_auth.users.models import Identity, User
from oauth.foundation.vocabulary import GrantId, Role, Subject
from oauth.protocol.models import Revocation, RevocationKind
from oauth.revocation import Revoker
from oauth.stores.opening import OpenDatabase
from oauth.stores.ports import SignIn, Store
from servers.operations.actor import Actor, ActorKind
from servers.operations.problems import AccountDeleted, IdentityNotLinked, UnknownUser
from servers.operations.users import (
    Accounts,
    accounts_on,
    activate_user,
    deactivate_user,
    find_user,
    link_identity,
    set_user_role,
    unlink_identity,
)
from tests.oauth.stores.test_round_trips import make_session
from tests.oauth.stores.tokens import add_code, add_codes, make_request, named_code, named_grant
from tests.support.builders import NOW
from tests.support.clock import SettableClock

ADA, BOB, UNKNOWN = Subject("subject_1"), Subject("subject_2"), Subject("subject_x")
ADMINISTRATOR = Actor(ActorKind.ADMINISTRATOR, "admin_1")
BY_ADMINISTRATOR = {"actor_kind": "administrator", "actor_id": "admin_1"}
ISSUER = "https://idp.example"
SOON = NOW + timedelta(seconds=3)

Events = list[MutableMapping[str, Any]]


@pytest.fixture
async def accounts(database: OpenDatabase) -> Accounts:
    """Ada has signed in."""
    accounts = accounts_on(database)
    await accounts.users.get_or_create(Identity(ADA, "ada@example.com", None), NOW)
    return accounts


async def row(accounts: Accounts, subject: Subject = ADA) -> User:
    user = await accounts.users.get(subject)
    assert user is not None
    return user


def described(events: Events) -> list[dict[str, Any]]:
    return [{name: value for name, value in event.items() if name != "log_level"} for event in events]


async def recorded(store: Store) -> list[Revocation]:
    return list(await store.revocations.recorded_after(NOW - timedelta(days=1), NOW))


async def revoked_at(store: Store, name: str) -> object:
    grant = await store.grants.get(GrantId(f"grant_{name}"))
    assert grant is not None
    return grant.revoked_at


# -- finding


@pytest.mark.parametrize("name", [ADA, "ada@example.com", "Ada@EXAMPLE.com"])
async def test_user_is_found_by_id_or_address(accounts: Accounts, name: str) -> None:
    assert await find_user(name, accounts.users) == ADA


@pytest.mark.parametrize("name", ["", "ada", "@example.com", "%", "_", "ada\0", "ada\ud83d", "SUBJECT_1"])
async def test_no_user_is_found_by_less_than_the_whole(accounts: Accounts, name: str) -> None:
    with pytest.raises(UnknownUser) as problem:
        await find_user(name, accounts.users)
    assert problem.value.name == name


# A list of the first that contain it held others.
async def test_user_is_found_though_older_addresses_contain_the_address(accounts: Accounts) -> None:
    for number, name in enumerate(("joann", "maryann", "leeann", "ann")):
        identity = Identity(Subject(name), f"{name}@example.com", None)
        await accounts.users.get_or_create(identity, NOW + timedelta(seconds=number))
    assert await find_user("ann@example.com", accounts.users) == "ann"


async def test_row_that_waits_for_its_person_is_no_user_yet(accounts: Accounts) -> None:
    await accounts.users.provision("new@example.com", None, Role.ADMIN, NOW)
    with pytest.raises(UnknownUser):
        await find_user("new@example.com", accounts.users)


# -- roles


async def test_role_is_set_and_every_node_looks_again(
    accounts: Accounts, store: Store, revoker: Revoker, announced: list[Revocation], events: Events
) -> None:
    await set_user_role(ADA, Role.AGENT, ADMINISTRATOR, accounts, revoker)
    assert (await row(accounts)).role is Role.AGENT
    news = Revocation(RevocationKind.STANDING, ADA, NOW, NOW + timedelta(hours=1))
    assert announced == await recorded(store) == [news]
    assert described(events) == [{"event": "role_set", "subject": ADA, "role": "agent", **BY_ADMINISTRATOR}]


# -- deactivating


async def give_everything(store: Store, accounts: Accounts) -> None:
    """A grant, a browser that is signed in, a session at Supabase that is held, a link."""
    await add_codes(store, "1")
    await store.people.sign_in(SignIn(make_session(), NOW))
    await accounts.sessions.put(ADA, b"sealed")
    await store.people.link(ISSUER, "okta|1", ADA, NOW)


async def test_deactivated_user_is_refused_and_has_nothing_left(
    accounts: Accounts, store: Store, revoker: Revoker, announced: list[Revocation], events: Events
) -> None:
    await give_everything(store, accounts)
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert not (await row(accounts)).is_active
    assert await revoked_at(store, "1") == NOW
    assert await store.people.session(make_session().digest) is None
    assert await accounts.sessions.get(ADA) is None
    news = Revocation(RevocationKind.SUBJECT, ADA, NOW, NOW + timedelta(hours=1))
    assert announced == await recorded(store) == [news]
    ended = {"reason": "user_deactivated", "subject": ADA, "grants_ended": 1}
    assert described(events) == [
        {"event": "access_ended", **ended, **BY_ADMINISTRATOR},
        {"event": "user_deactivated", "subject": ADA, **BY_ADMINISTRATOR},
    ]


async def test_nobody_else_is_touched_by_a_deactivation(accounts: Accounts, store: Store, revoker: Revoker) -> None:
    bob = await accounts.users.get_or_create(Identity(BOB, "bob@example.com", None), NOW)
    await add_codes(store)
    await add_code(store, "bob", named_code("bob", named_grant("bob", BOB)))
    await accounts.sessions.put(BOB, b"sealed")
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await row(accounts, BOB) == bob
    assert await revoked_at(store, "bob") is None
    assert await accounts.sessions.get(BOB) == b"sealed"


class Crash(Exception):
    """The process ends here."""


def crash(_: Revocation) -> None:
    raise Crash


async def test_interrupted_deactivation_refuses_the_user_already_and_is_finished_by_another(
    accounts: Accounts, store: Store, revoker: Revoker
) -> None:
    await give_everything(store, accounts)
    with pytest.raises(Crash):
        await deactivate_user(ADA, ADMINISTRATOR, accounts, replace(revoker, announce=crash))
    assert not (await row(accounts)).is_active
    assert await accounts.sessions.get(ADA) == b"sealed"
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await accounts.sessions.get(ADA) is None


# The account may be activated again; whose account was deleted has no links (StoredAccessEnd.remove_links).
async def test_links_outlive_a_deactivation(accounts: Accounts, store: Store, revoker: Revoker) -> None:
    await give_everything(store, accounts)
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await store.people.linked_subject(ISSUER, "okta|1") == ADA


async def test_deactivating_again_ends_what_is_left(accounts: Accounts, store: Store, revoker: Revoker) -> None:
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    await give_everything(store, accounts)
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await revoked_at(store, "1") == NOW
    assert await accounts.sessions.get(ADA) is None


async def test_what_is_left_of_a_deleted_account_ends_by_a_deactivation(
    accounts: Accounts, store: Store, revoker: Revoker
) -> None:
    await give_everything(store, accounts)
    await accounts.users.anonymise(ADA, NOW)
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await revoked_at(store, "1") == NOW
    assert await accounts.sessions.get(ADA) is None


# -- activating


async def test_activated_user_is_admitted_and_starts_without_what_they_had(
    accounts: Accounts, store: Store, revoker: Revoker, announced: list[Revocation], events: Events
) -> None:
    before = await row(accounts)
    await give_everything(store, accounts)
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    events.clear()
    await activate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await row(accounts) == before
    assert await revoked_at(store, "1") == NOW
    assert announced[-1].kind is RevocationKind.STANDING
    assert described(events)[-1] == {"event": "user_activated", "subject": ADA, **BY_ADMINISTRATOR}


# D-6: for 5 s another node may remember that the user is active.
async def test_grant_that_a_node_gave_before_it_heard_of_the_deactivation_ends_with_the_activation(
    accounts: Accounts, store: Store, revoker: Revoker, clock: SettableClock
) -> None:
    await add_codes(store)
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    late = make_request("late")
    await store.requests.add(late)
    await store.requests.answer(late.digest, b"sealed", named_code("late"), SOON)
    await accounts.sessions.put(ADA, b"sealed")
    clock.now = SOON
    await activate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await revoked_at(store, "late") == SOON
    assert await accounts.sessions.get(ADA) is None


async def test_activating_an_active_user_ends_nothing(accounts: Accounts, store: Store, revoker: Revoker) -> None:
    await give_everything(store, accounts)
    await activate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await revoked_at(store, "1") is None
    assert await store.people.session(make_session().digest) is not None
    assert await accounts.sessions.get(ADA) == b"sealed"


# -- links


async def test_identity_is_linked_and_unlinked(
    accounts: Accounts, store: Store, clock: SettableClock, events: Events
) -> None:
    await link_identity(ISSUER, "okta|1", ADA, ADMINISTRATOR, accounts, store.people, clock)
    assert await store.people.linked_subject(ISSUER, "okta|1") == ADA
    await unlink_identity(ISSUER, "okta|1", ADMINISTRATOR, store.people)
    assert await store.people.linked_subject(ISSUER, "okta|1") is None
    identity = {"issuer": ISSUER, "issuer_subject": "okta|1", **BY_ADMINISTRATOR}
    assert described(events) == [
        {"event": "identity_linked", "subject": ADA, **identity},
        {"event": "identity_unlinked", **identity},
    ]


async def test_identity_that_is_not_linked_is_named(store: Store, events: Events) -> None:
    with pytest.raises(IdentityNotLinked) as problem:
        await unlink_identity(ISSUER, "okta|1", ADMINISTRATOR, store.people)
    assert (problem.value.issuer, problem.value.issuer_subject) == (ISSUER, "okta|1")
    assert events == []


# -- what cannot be done


Change = Callable[[Subject, Accounts, Revoker], Awaitable[None]]

CHANGES: dict[str, Change] = {
    "set a role": lambda subject, accounts, revoker: set_user_role(
        subject, Role.ADMIN, ADMINISTRATOR, accounts, revoker
    ),
    "activate": lambda subject, accounts, revoker: activate_user(subject, ADMINISTRATOR, accounts, revoker),
    "link": lambda subject, accounts, revoker: link_identity(
        ISSUER, "okta|1", subject, ADMINISTRATOR, accounts, revoker.store.people, revoker.clock
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("where", ["here", "at Supabase"])
async def test_deleted_account_is_not_changed(
    accounts: Accounts, store: Store, revoker: Revoker, events: Events, change: str, where: str
) -> None:
    if where == "here":
        await accounts.users.anonymise(ADA, NOW)
    else:
        await accounts.states.put(ADA, AccountState(State.DELETED, NOW))
    before = await row(accounts)
    with pytest.raises(AccountDeleted) as problem:
        await CHANGES[change](ADA, accounts, revoker)
    assert problem.value.subject == ADA
    assert await row(accounts) == before
    assert await store.people.linked_subject(ISSUER, "okta|1") is None
    assert await recorded(store) == []
    assert events == []


@pytest.mark.parametrize("change", CHANGES)
async def test_banned_user_may_be_changed(accounts: Accounts, revoker: Revoker, change: str) -> None:
    await accounts.states.put(ADA, AccountState(State.BANNED, NOW))
    await CHANGES[change](ADA, accounts, revoker)


@pytest.mark.parametrize("change", CHANGES)
async def test_user_without_a_row_is_unknown(
    accounts: Accounts, revoker: Revoker, announced: list[Revocation], change: str
) -> None:
    with pytest.raises(UnknownUser):
        await CHANGES[change](UNKNOWN, accounts, revoker)
    with pytest.raises(UnknownUser):
        await deactivate_user(UNKNOWN, ADMINISTRATOR, accounts, revoker)
    assert announced == []


async def test_role_and_activity_are_changed_one_at_a_time(accounts: Accounts, revoker: Revoker) -> None:
    before = await row(accounts)
    await set_user_role(ADA, Role.ADMIN, ADMINISTRATOR, accounts, revoker)
    await deactivate_user(ADA, ADMINISTRATOR, accounts, revoker)
    assert await row(accounts) == replace(before, role=Role.ADMIN, is_active=False)
