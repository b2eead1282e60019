"""Operations on the keys that sign access tokens. All raise StoreUnavailable and UnreadableKeys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from oauth.foundation.clock import Clock
from oauth.key_ring import KeyRing, Keys, SigningKey
from servers.operations.actor import Actor, record


class KeyState(StrEnum):
    """What a key is used for at a time."""

    NEXT = "next"  # published, and will sign from a later time
    SIGNS = "signs"
    VERIFIES = "verifies"  # signs no more, but its tokens may still be valid
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A signing key without its private part.

    kid: as in the JWKS.
    state: what it is used for now.
    signs_from: when it begins to sign; aware UTC."""

    kid: str
    state: KeyState
    signs_from: datetime


async def list_keys(ring: KeyRing, clock: Clock) -> Sequence[ListedKey]:
    """The signing keys, oldest first. Creates the first one where there is none."""
    now = clock()
    await ring.load(now)
    return [ListedKey(key.kid, _key_state(key, ring.keys, now), key.signs_from) for key in ring.keys.all]


async def rotate_key(actor: Actor, ring: KeyRing, clock: Clock) -> ListedKey:
    """Publish a new key, which signs from 15 minutes on. The old one still verifies the tokens that it signed."""
    key = await ring.rotate(clock())
    record(actor, "key_rotated", kid=key.kid)
    return ListedKey(key.kid, KeyState.NEXT, key.signs_from)


def _key_state(key: SigningKey, keys: Keys, now: datetime) -> KeyState:
    if key not in keys.verifying(now):
        return KeyState.RETIRED
    if key is keys.signing(now):
        return KeyState.SIGNS
    return KeyState.NEXT if key.signs_from > now else KeyState.VERIFIES
