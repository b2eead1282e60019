"""Which key signs and which verify at which time; and a ring on a store of two functions."""

import base64
import hashlib
import json
import secrets
from datetime import datetime, timedelta

import pytest

from oauth.foundation.credentials import KeyEncryption
from oauth.jose import jws
from oauth.jose.jws import UnverifiedToken
from oauth.key_ring import PUBLISHED_BEFORE_SIGNING, KeyRing, Keys, SigningKey, UnreadableKeys
from oauth.stores.ports import StoredSigningKey
from tests.support.builders import NOW
from tests.support.forging import ec_key, es256, public_jwk
from tests.support.forging import jws as forge

LIFETIME = timedelta(minutes=30)


class SigningKeysInMemory:
    """What a key ring asks of a store."""

    def __init__(self) -> None:
        self.keys: list[StoredSigningKey] = []

    async def all(self) -> list[StoredSigningKey]:
        return list(self.keys)

    async def add(self, key: StoredSigningKey) -> bool:
        if any(known.number == key.number for known in self.keys):
            return False
        self.keys.append(key)
        return True


def make_ring(stored: SigningKeysInMemory, *root_secrets: str) -> KeyRing:
    return KeyRing(stored, KeyEncryption(root_secrets or ("root",), secrets.token_bytes), LIFETIME)


@pytest.fixture
async def keys() -> Keys:
    """Three keys: the first is old, the second signs from NOW on, the third from a day later."""
    ring = make_ring(SigningKeysInMemory())
    await ring.load(NOW - timedelta(days=90))
    await ring.rotate(NOW - PUBLISHED_BEFORE_SIGNING)
    await ring.rotate(NOW + timedelta(days=1) - PUBLISHED_BEFORE_SIGNING)
    return ring.keys


def numbers(keys: tuple[SigningKey, ...]) -> list[int]:
    return [key.number for key in keys]


@pytest.mark.parametrize(
    ("now", "signing"),
    [
        (NOW - timedelta(seconds=1), 1),
        (NOW, 2),
        (NOW + timedelta(days=1) - timedelta(seconds=1), 2),
        (NOW + timedelta(days=1), 3),
        (NOW - timedelta(days=365), 1),  # a clock that is behind
    ],
)
def test_newest_key_whose_time_has_come_signs(keys: Keys, now: datetime, signing: int) -> None:
    assert keys.signing(now).number == signing


# An old key verifies for the life of its last token and a minute for clocks that differ.
@pytest.mark.parametrize(
    ("now", "verifying"),
    [
        (NOW, [1, 2, 3]),
        (NOW + timedelta(minutes=31), [1, 2, 3]),
        (NOW + timedelta(minutes=31, seconds=1), [2, 3]),
        (NOW + timedelta(days=1, minutes=31), [2, 3]),
        (NOW + timedelta(days=1, minutes=31, seconds=1), [3]),
        (NOW + timedelta(days=365), [3]),
    ],
)
def test_keys_verify_until_their_last_token_has_expired(keys: Keys, now: datetime, verifying: list[int]) -> None:
    assert numbers(keys.verifying(now)) == verifying
    assert keys.jwks(now) == {"keys": [dict(key.public_jwk) for key in keys.all if key.number in verifying]}


def test_no_token_outlives_the_key_that_signed_it(keys: Keys) -> None:
    for minutes in range(-60, 60 * 26):
        minted = NOW + timedelta(minutes=minutes)
        expires = minted + LIFETIME + timedelta(seconds=30)
        number = keys.signing(minted).number
        assert number in numbers(keys.verifying(minted))
        assert number in numbers(keys.verifying(expires))


def read(token: str) -> UnverifiedToken:
    unverified = jws.read(token)
    assert isinstance(unverified, UnverifiedToken), unverified
    return unverified


async def test_first_start_makes_a_key_that_signs_tokens_of_rfc_9068_at_once() -> None:
    ring = make_ring(SigningKeysInMemory())
    await ring.load(NOW)
    token = read(ring.sign({"sub": "s"}, NOW))
    assert (token.algorithm, token.type, token.claims) == ("ES256", "at+jwt", {"sub": "s"})
    assert token.kid == ring.keys.all[0].kid
    assert ring.verifies(token, NOW)


# STD-107, RFC 7638
async def test_published_key_has_use_and_algorithm_and_nothing_private() -> None:
    ring = make_ring(SigningKeysInMemory())
    await ring.load(NOW)
    (key,) = ring.keys.all
    published = json.loads(json.dumps(ring.keys.jwks(NOW)))["keys"]
    assert published == [public_jwk(key.private_key.public_key(), key.kid)]
    thumbprint = json.dumps({name: published[0][name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    assert key.kid == base64.urlsafe_b64encode(hashlib.sha256(thumbprint.encode()).digest()).decode().rstrip("=")


# F-21: a second node, or the same one after a restart, goes on with the same key.
async def test_two_nodes_that_start_on_one_store_verify_each_others_tokens() -> None:
    store = SigningKeysInMemory()
    one, other = make_ring(store), make_ring(store)
    await one.load(NOW)
    await other.load(NOW)
    assert len(store.keys) == 1
    assert other.verifies(read(one.sign({}, NOW)), NOW)


async def test_rotation_publishes_a_key_a_quarter_of_an_hour_before_it_signs() -> None:
    ring = make_ring(SigningKeysInMemory())
    await ring.load(NOW)
    old = ring.keys.all[0]
    new = await ring.rotate(NOW)
    assert new.kid != old.kid
    assert numbers(ring.keys.verifying(NOW)) == [1, 2]
    soon, then = NOW + timedelta(minutes=14, seconds=59), NOW + timedelta(minutes=15)
    assert read(ring.sign({}, soon)).kid == old.kid
    assert read(ring.sign({}, then)).kid == new.kid
    assert ring.verifies(read(ring.sign({}, soon)), then)


# F-21: a node that has not heard of the other's rotation builds on it all the same.
async def test_two_nodes_that_rotate_one_after_the_other_make_two_keys() -> None:
    store = SigningKeysInMemory()
    one, other = make_ring(store), make_ring(store)
    await one.load(NOW)
    await other.load(NOW)
    assert (await one.rotate(NOW)).number == 2
    assert (await other.rotate(NOW)).number == 3


# STD-162, STD-165: a key of ours signs access tokens and nothing else is taken for one.
async def test_ring_verifies_nothing_that_it_would_not_have_signed() -> None:
    ring = make_ring(SigningKeysInMemory())
    await ring.load(NOW)
    (key,) = ring.keys.all
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    sign = es256(key.private_key)
    assert ring.verifies(read(forge(header, {}, sign)), NOW)
    for change in ({"typ": "JWT"}, {"typ": None}, {"alg": "HS256"}, {"alg": "none"}, {"kid": "other"}, {"kid": None}):
        assert not ring.verifies(read(forge({**header, **change}, {}, sign)), NOW)
    assert not ring.verifies(read(forge(header, {}, es256(ec_key(7)))), NOW)


# STD-23, F-8
async def test_private_key_is_stored_encrypted() -> None:
    store = SigningKeysInMemory()
    ring = make_ring(store)
    await ring.load(NOW)
    private = ring.keys.all[0].private_key.private_numbers().private_value.to_bytes(32, "big")
    assert private not in store.keys[0].sealed_private_key
    assert "d" not in json.loads(store.keys[0].public_jwk)


async def test_another_root_secret_does_not_open_the_keys_and_says_what_to_do() -> None:
    store = SigningKeysInMemory()
    await make_ring(store, "old").load(NOW)
    with pytest.raises(UnreadableKeys, match="MCP_AUTH_SECRET"):
        await make_ring(store, "new").load(NOW)
    rotated = make_ring(store, "new", "old")
    await rotated.load(NOW)
    assert len(store.keys) == 1
