"""Operations on clients, over real stores."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from oauth.client_registry.secrets import matches
from oauth.foundation.vocabulary import ClientId, GrantId
from oauth.protocol.models import (
    GRANTS_OF_PEOPLE,
    Client,
    ClientAuthenticationMethod,
    Registration,
    Revocation,
    RevocationKind,
)
from oauth.revocation import Revoker
from oauth.stores.ports import Store
from servers.operations.actor import Actor, ActorKind
from servers.operations.client_registration import ClientDescription
from servers.operations.clients import (
    ClientWithSecret,
    disable_client,
    enable_client,
    end_former_client_secret,
    find_client,
    register_client,
    remove_client,
    rotate_client_secret,
)
from servers.operations.problems import ClientHasNoSecret, ClientIsConfigured, UnacceptableClient, UnknownClient
from tests.oauth.stores.tokens import CLIENT, add_codes
from tests.support.builders import NOW, RESOURCES, make_client, scopes
from tests.support.clock import SettableClock

ADMINISTRATOR = Actor(ActorKind.ADMINISTRATOR, "admin_1")
CONFIGURATION = Actor(ActorKind.CONFIGURATION, "[[clients]]")
BY_ADMINISTRATOR = {"actor_kind": "administrator", "actor_id": "admin_1"}
POST = ClientAuthenticationMethod.CLIENT_SECRET_POST
UNKNOWN = ClientId("client_x")

Events = list[MutableMapping[str, Any]]


def described(events: Events) -> list[dict[str, Any]]:
    return [{name: value for name, value in event.items() if name != "log_level"} for event in events]


def make_wanted(
    *, auth: ClientAuthenticationMethod = POST, redirect_uris: tuple[str, ...] = ("https://app.example/cb",)
) -> ClientDescription:
    return ClientDescription("App", redirect_uris, auth, GRANTS_OF_PEOPLE, "mcp:read")


async def register(store: Store, clock: SettableClock, wanted: ClientDescription | None = None) -> ClientWithSecret:
    return await register_client(
        wanted or make_wanted(), ADMINISTRATOR, RESOURCES, (), store.clients, clock, os.urandom
    )


async def stored(store: Store, client_id: ClientId = CLIENT) -> Client:
    client = await store.clients.get(client_id)
    assert client is not None
    return client


async def revoked_at(store: Store, name: str = "1") -> object:
    grant = await store.grants.get(GrantId(f"grant_{name}"))
    assert grant is not None
    return grant.revoked_at


# -- registering


async def test_registered_client_is_stored_with_a_hash_of_the_secret_that_is_shown(
    store: Store, clock: SettableClock, events: Events
) -> None:
    registered = await register(store, clock)
    client = registered.client
    assert await stored(store, client.client_id) == client
    assert (client.registration, client.scope, client.created_at) == (
        Registration.PREREGISTERED,
        scopes("mcp:read"),
        NOW,
    )
    assert registered.secret is not None
    assert registered.secret.startswith("cs_")
    assert client.secret_digest is not None
    assert matches(registered.secret, client.secret_digest)
    assert described(events) == [{"event": "client_added", "client_id": client.client_id, **BY_ADMINISTRATOR}]


async def test_client_that_authenticates_without_a_secret_gets_none(store: Store, clock: SettableClock) -> None:
    registered = await register(store, clock, make_wanted(auth=ClientAuthenticationMethod.NONE))
    assert registered.secret is None
    assert (await stored(store, registered.client.client_id)).secret_digest is None


async def test_each_registration_is_a_client_of_its_own(store: Store, clock: SettableClock) -> None:
    first, second = await register(store, clock), await register(store, clock)
    assert first.client.client_id != second.client.client_id
    assert first.secret != second.secret


async def test_client_that_breaks_a_rule_is_refused_in_a_sentence_and_not_stored(
    store: Store, clock: SettableClock, events: Events
) -> None:
    with pytest.raises(UnacceptableClient, match="An http redirect URI must be"):
        await register(store, clock, make_wanted(redirect_uris=("http://evil.example/cb",)))
    assert await store.clients.newest(10) == []
    assert events == []


# -- secrets


async def test_rotated_secret_stands_beside_the_one_before_until_that_is_ended(
    store: Store, clock: SettableClock, events: Events
) -> None:
    registered = await register(store, clock)
    client_id = registered.client.client_id
    events.clear()
    rotated = await rotate_client_secret(client_id, ADMINISTRATOR, store.clients, os.urandom)
    assert rotated.client == await stored(store, client_id)
    assert rotated.client.former_secret_digest == registered.client.secret_digest
    assert rotated.secret is not None
    assert rotated.client.secret_digest is not None
    assert matches(rotated.secret, rotated.client.secret_digest)
    ended = await end_former_client_secret(client_id, ADMINISTRATOR, store.clients)
    assert ended == await stored(store, client_id) == replace(rotated.client, former_secret_digest=None)
    await end_former_client_secret(client_id, ADMINISTRATOR, store.clients)
    assert described(events) == [
        {"event": "client_secret_rotated", "client_id": client_id, **BY_ADMINISTRATOR},
        {"event": "client_secret_ended", "client_id": client_id, **BY_ADMINISTRATOR},
    ]


async def test_client_without_a_secret_has_none_to_rotate_or_end(store: Store) -> None:
    await store.clients.put(make_client())
    with pytest.raises(ClientHasNoSecret) as problem:
        await rotate_client_secret(CLIENT, ADMINISTRATOR, store.clients, os.urandom)
    assert (problem.value.client_id, problem.value.method) == (CLIENT, "none")
    with pytest.raises(ClientHasNoSecret):
        await end_former_client_secret(CLIENT, ADMINISTRATOR, store.clients)


# -- disabling and enabling


async def test_disabled_client_loses_its_grants_here_at_once_and_on_every_node(
    store: Store, revoker: Revoker, announced: list[Revocation], events: Events
) -> None:
    await add_codes(store, "1")
    assert await disable_client(CLIENT, ADMINISTRATOR, revoker) == ["grant_1"]
    assert await stored(store) == replace(make_client(), disabled_at=NOW)
    assert await revoked_at(store) == NOW
    news = Revocation(RevocationKind.GRANT, "grant_1", NOW, NOW + timedelta(hours=1))
    assert announced == [news]
    assert await store.revocations.recorded_after(NOW - timedelta(days=1), NOW) == [news]
    assert described(events) == [
        {"event": "client_disabled", "client_id": CLIENT, "grants_ended": 1, **BY_ADMINISTRATOR}
    ]


async def test_client_that_is_disabled_twice_keeps_the_time_of_the_first(
    store: Store, revoker: Revoker, clock: SettableClock, events: Events
) -> None:
    await store.clients.put(make_client())
    await disable_client(CLIENT, ADMINISTRATOR, revoker)
    clock.advance(hours=1)
    assert await disable_client(CLIENT, ADMINISTRATOR, revoker) == []
    assert (await stored(store)).disabled_at == NOW
    assert [event["event"] for event in events] == ["client_disabled"]


# A record that says disabled, and grants that an interrupted call left.
async def test_disabling_again_ends_the_grants_that_are_left(store: Store, revoker: Revoker) -> None:
    await add_codes(store, "1")
    await store.clients.put(replace(make_client(), disabled_at=NOW - timedelta(hours=1)))
    assert await disable_client(CLIENT, ADMINISTRATOR, revoker) == ["grant_1"]
    assert await revoked_at(store) == NOW


async def test_disabled_client_is_not_forgotten_however_long_it_stays_away(
    store: Store, revoker: Revoker, clock: SettableClock
) -> None:
    url = ClientId("https://app.example/client.json")
    published = make_client(client_id=url, registration=Registration.METADATA_DOCUMENT)
    await store.clients.put(replace(published, expires_at=NOW + timedelta(hours=24)))
    await disable_client(url, ADMINISTRATOR, revoker)
    clock.advance(days=400)
    await store.upkeep.sweep(clock(), 100)
    assert (await stored(store, url)).disabled_at == NOW


async def test_enabled_client_starts_without_what_it_had(
    store: Store, revoker: Revoker, clock: SettableClock, events: Events
) -> None:
    await add_codes(store, "1")
    await disable_client(CLIENT, ADMINISTRATOR, revoker)
    events.clear()
    for _ in range(2):
        await enable_client(CLIENT, ADMINISTRATOR, store.clients, clock)
    assert await stored(store) == make_client()
    assert await revoked_at(store) == NOW
    assert described(events) == [{"event": "client_enabled", "client_id": CLIENT, **BY_ADMINISTRATOR}]


# -- removing


async def test_removed_client_is_gone_with_its_grants_and_other_nodes_hear_of_them(
    store: Store, revoker: Revoker, announced: list[Revocation], events: Events
) -> None:
    await add_codes(store, "1", "2")
    assert set(await remove_client(CLIENT, ADMINISTRATOR, revoker)) == {"grant_1", "grant_2"}
    assert await store.clients.get(CLIENT) is None
    assert await store.grants.get(GrantId("grant_1")) is None
    told = await store.revocations.recorded_after(NOW - timedelta(days=1), NOW)
    assert {each.value for each in told} == {each.value for each in announced} == {"grant_1", "grant_2"}
    assert described(events) == [
        {"event": "client_removed", "client_id": CLIENT, "grants_ended": 2, **BY_ADMINISTRATOR}
    ]


# -- what cannot be done


Change = Callable[[ClientId, Actor, Revoker], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "rotate": lambda client_id, actor, revoker: rotate_client_secret(
        client_id, actor, revoker.store.clients, os.urandom
    ),
    "end the former secret": lambda client_id, actor, revoker: end_former_client_secret(
        client_id, actor, revoker.store.clients
    ),
    "disable": disable_client,
    "enable": lambda client_id, actor, revoker: enable_client(client_id, actor, revoker.store.clients, revoker.clock),
    "remove": remove_client,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_unknown_client_is_named_and_none_is_made(
    store: Store, revoker: Revoker, events: Events, change: str
) -> None:
    with pytest.raises(UnknownClient) as problem:
        await CHANGES[change](UNKNOWN, ADMINISTRATOR, revoker)
    assert problem.value.client_id == UNKNOWN
    with pytest.raises(UnknownClient):
        await find_client(UNKNOWN, store.clients)
    assert await store.clients.newest(10) == []
    assert events == []


@pytest.mark.parametrize("change", CHANGES)
async def test_client_of_the_configuration_changes_with_that_alone(
    store: Store, revoker: Revoker, events: Events, change: str
) -> None:
    declared = replace(make_client(method=POST, secret="cs_1"), is_configured=True)
    await store.clients.put(declared)
    with pytest.raises(ClientIsConfigured) as problem:
        await CHANGES[change](CLIENT, ADMINISTRATOR, revoker)
    assert problem.value.client_id == CLIENT
    assert await stored(store) == declared
    assert events == []
    await CHANGES[change](CLIENT, CONFIGURATION, revoker)
