"""Declared clients are brought in step with the database by the operations that commands use."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog

from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.vocabulary import ClientId, GrantId
from oauth.protocol.models import Client, Revocation
from oauth.revocation import Revoker, announce_to_nobody
from oauth.stores.opening import open_database, store_on
from oauth.stores.ports import Store
from servers.configuration.clients import ClientSettings, bring_in_step
from tests.oauth.stores.tokens import add_code, named_code
from tests.support.builders import NOW, RESOURCES, make_client
from tests.support.clock import SettableClock

PARTNER = ClientId("partner")


def declare(**changed: Any) -> ClientSettings:  # noqa: ANN401 - fields of the model
    given = {"client_id": PARTNER, "name": "Partner", "redirect_uris": ("https://app.example/cb",)}
    return ClientSettings(**{**given, **changed})


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    database = await open_database(database_url)
    yield store_on(database)
    await database.close()


@pytest.fixture
def revoker(store: Store, clock: SettableClock) -> Revoker:
    clock.now = NOW
    return Revoker(store, announce_to_nobody, clock, timedelta(hours=1))


async def step(revoker: Revoker, *declared: ClientSettings) -> list[str]:
    """A node starts. → the events, with their actors."""
    with structlog.testing.capture_logs() as events:
        await bring_in_step(declared, RESOURCES, (), revoker)
    return [f"{event['event']} by {event['actor_kind']} {event['actor_id']}" for event in events]


async def stored(store: Store) -> Client:
    client = await store.clients.get(PARTNER)
    assert client is not None
    return client


async def give_grant(store: Store) -> None:
    """The request belongs to a client of the tests' own, the grant to the partner."""
    await store.clients.put(make_client())
    code = named_code()
    await add_code(store, code=replace(code, grant=replace(code.grant, client_id=PARTNER)))


async def is_live(store: Store) -> bool:
    grant = await store.grants.get(GrantId("grant_1"))
    return grant is not None and grant.revoked_at is None


@pytest.mark.parametrize("declared", [(), (declare(disabled=True),)])
async def test_client_that_is_disabled_or_gone_from_the_file_is_disabled_with_its_grants(
    store: Store, revoker: Revoker, clock: SettableClock, declared: tuple[ClientSettings, ...]
) -> None:
    assert await step(revoker, declare()) == ["client_configured by configuration [[clients]]"]
    await give_grant(store)
    assert await step(revoker, *declared) == ["client_disabled by configuration [[clients]]"]
    assert (await stored(store)).disabled_at == NOW
    assert not await is_live(store)
    clock.advance(hours=1)
    assert await step(revoker, *declared) == []
    assert (await stored(store)).disabled_at == NOW


async def test_client_that_is_declared_again_is_enabled_and_starts_without_what_it_had(
    store: Store, revoker: Revoker
) -> None:
    await step(revoker, declare())
    before = await stored(store)
    await give_grant(store)
    await step(revoker)
    assert await step(revoker, declare()) == ["client_enabled by configuration [[clients]]"]
    assert await stored(store) == before
    assert not await is_live(store)


async def test_new_client_that_is_declared_as_disabled_is_never_enabled(store: Store, revoker: Revoker) -> None:
    await step(revoker, declare(disabled=True))
    assert (await stored(store)).disabled_at == NOW


async def test_client_that_is_disabled_is_changed_as_well(store: Store, revoker: Revoker) -> None:
    await step(revoker, declare())
    assert await step(revoker, declare(name="Renamed", disabled=True)) == [
        "client_configured by configuration [[clients]]",
        "client_disabled by configuration [[clients]]",
    ]
    client = await stored(store)
    assert (client.name, client.disabled_at) == ("Renamed", NOW)


# One transaction disables the client and ends its grants, so no start finds one without the other.
async def test_start_that_is_interrupted_while_it_disables_is_made_up_for_by_the_next(
    store: Store, revoker: Revoker
) -> None:
    await step(revoker, declare())
    await give_grant(store)

    def crash(_: Revocation) -> None:
        raise StoreUnavailable("the process ends here")

    with pytest.raises(StoreUnavailable):
        await step(replace(revoker, announce=crash))
    assert not await is_live(store)
    await step(revoker)
    assert ((await stored(store)).disabled_at, await is_live(store)) == (NOW, False)
