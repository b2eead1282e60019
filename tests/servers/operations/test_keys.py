"""Operations on signing keys, over real stores."""

import os
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest

from oauth.foundation.credentials import KeyEncryption
from oauth.key_ring import KeyRing
from oauth.stores.ports import Store
from servers.operations.actor import Actor, ActorKind
from servers.operations.keys import KeyState, list_keys, rotate_key
from tests.support.builders import NOW
from tests.support.clock import SettableClock

ADMINISTRATOR = Actor(ActorKind.ADMINISTRATOR, "admin_1")
SECRET = "a-root-secret-for-tests-0123456789-abcdefghij"


@pytest.fixture
def ring(store: Store) -> KeyRing:
    return KeyRing(store.signing_keys, KeyEncryption((SECRET,), os.urandom), timedelta(minutes=30))


async def states(ring: KeyRing, clock: SettableClock) -> list[KeyState]:
    return [key.state for key in await list_keys(ring, clock)]


async def test_first_key_is_made_and_signs_at_once(ring: KeyRing, clock: SettableClock) -> None:
    (key,) = await list_keys(ring, clock)
    assert (key.state, key.signs_from) == (KeyState.SIGNS, NOW)


async def test_new_key_takes_over_and_the_old_one_verifies_until_its_tokens_expired(
    ring: KeyRing, clock: SettableClock
) -> None:
    await list_keys(ring, clock)
    made = await rotate_key(ADMINISTRATOR, ring, clock)
    assert (made.state, made.signs_from) == (KeyState.NEXT, NOW + timedelta(minutes=15))
    assert (await list_keys(ring, clock))[-1] == made
    assert await states(ring, clock) == [KeyState.SIGNS, KeyState.NEXT]
    clock.advance(minutes=15)
    assert await states(ring, clock) == [KeyState.VERIFIES, KeyState.SIGNS]
    clock.advance(minutes=32)
    assert await states(ring, clock) == [KeyState.RETIRED, KeyState.SIGNS]


async def test_rotation_is_recorded_with_its_actor(
    ring: KeyRing, clock: SettableClock, events: list[MutableMapping[str, Any]]
) -> None:
    made = await rotate_key(ADMINISTRATOR, ring, clock)
    assert events == [
        {
            "event": "key_rotated",
            "log_level": "info",
            "kid": made.kid,
            "actor_kind": "administrator",
            "actor_id": "admin_1",
        }
    ]
