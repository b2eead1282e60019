"""The project's signing keys: how often they are fetched, and what is taken of them (SEED-2, SEED-4)."""

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mcp_auth.supabase.client import SupabaseClient
from mcp_auth.supabase.jwks import JWKSUnavailable, SupabaseKeys
from oauth.foundation.outages import Outage
from oauth.jose import jws
from oauth.jose.jws import UnverifiedToken
from tests.support.clock import SettableClock
from tests.support.forging import base64url, ec_key, es256, public_jwk, rs256
from tests.support.forging import jws as forge
from tests.support.scripted_server import Reply, ScriptedServer

ONE = public_jwk(ec_key(1).public_key(), "one")
TWO = public_jwk(ec_key(2).public_key(), "two")
DOWN = Reply(b'{"code":"unexpected_failure"}', 503)


@pytest.fixture
def keys(client: SupabaseClient, clock: SettableClock) -> SupabaseKeys:
    return SupabaseKeys(client, clock)


def read(token: str) -> UnverifiedToken:
    unverified = jws.read(token)
    assert isinstance(unverified, UnverifiedToken)
    return unverified


async def found(keys: SupabaseKeys, *kids: str) -> list[bool]:
    return [await keys.verification_key(kid) is not None for kid in kids]


# SEED-1
async def test_key_is_fetched_from_the_project_and_verifies_its_tokens(
    keys: SupabaseKeys, supabase: ScriptedServer
) -> None:
    supabase.will_answer({"keys": [ONE, TWO]})
    key = await keys.verification_key("one")
    assert key is not None
    assert key.verifies(read(forge({"alg": "ES256"}, {}, es256(ec_key(1)))))
    assert not key.verifies(read(forge({"alg": "ES256"}, {}, es256(ec_key(2)))))
    (received,) = supabase.received
    assert (received.method, received.target) == ("GET", "/auth/v1/.well-known/jwks.json")
    assert received.headers["apikey"] == "sb_publishable_1"


# SEED-2
async def test_keys_are_kept_for_an_hour_and_then_fetched_again(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock
) -> None:
    supabase.will_answer({"keys": [ONE]}, {"keys": [TWO]})
    assert await found(keys, "one") == [True]
    clock.advance(hours=1)
    assert await found(keys, "one") == [True]
    assert len(supabase.received) == 1
    clock.advance(seconds=1)
    assert await found(keys, "one", "two") == [False, True]  # it was rotated out
    assert len(supabase.received) == 2


# SEED-2
async def test_key_that_is_new_is_fetched_on_demand(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock
) -> None:
    supabase.will_answer({"keys": [ONE]}, {"keys": [ONE, TWO]})
    assert await found(keys, "one") == [True]
    clock.advance(seconds=30)
    assert await found(keys, "two", "one") == [True, True]
    assert len(supabase.received) == 2


# F-12, SEED-2: a stranger makes up as many kids as he likes.
async def test_unknown_kids_cost_one_fetch_in_30_seconds(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock
) -> None:
    supabase.will_answer({"keys": [ONE]})
    assert await found(keys, *(f"made up {number}" for number in range(50))) == [False] * 50
    clock.advance(seconds=29, milliseconds=999)
    assert await found(keys, "made up", "one") == [False, True]
    assert len(supabase.received) == 1
    clock.advance(milliseconds=1)
    assert await found(keys, "made up 1", "made up 2") == [False, False]
    assert len(supabase.received) == 2


# SEED-2: single flight.
async def test_everybody_who_comes_during_a_fetch_waits_for_that_one(
    keys: SupabaseKeys, supabase: ScriptedServer
) -> None:
    supabase.will_answer({"keys": [ONE]})
    fetched = await asyncio.gather(*(keys.verification_key("one") for _ in range(20)))
    assert len({id(key) for key in fetched}) == 1
    assert fetched[0] is not None
    assert len(supabase.received) == 1


UNREADABLE = [
    DOWN,
    Reply(b"<html>"),
    Reply(b"{}"),
    Reply(b'{"keys":null}'),
    Reply(b'{"keys":{}}'),
    Reply(b'{"code":"over_request_rate_limit"}', 429),
    Reply(b'{"message":"No API key found in request"}', 401),
]


# SEED-4, SEED-5, D-16
@pytest.mark.parametrize("reply", UNREADABLE)
async def test_keys_that_were_never_had_are_an_outage(
    keys: SupabaseKeys, supabase: ScriptedServer, reply: Reply
) -> None:
    supabase.replies = [reply]
    with pytest.raises(JWKSUnavailable):
        await keys.verification_key("one")


# D-16, F-23: also for whoever comes next, while it is too early to ask again. A 401 would sign people out.
async def test_outage_is_an_outage_to_everybody_until_the_next_try(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock
) -> None:
    supabase.replies = [DOWN]
    for _ in range(3):
        with pytest.raises(JWKSUnavailable):
            await keys.verification_key("one")
        clock.advance(seconds=5)
    assert len(supabase.received) == 1


async def test_keys_come_back_when_the_project_does(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock
) -> None:
    supabase.replies = [DOWN]
    with pytest.raises(JWKSUnavailable):
        await keys.verification_key("one")
    supabase.will_answer({"keys": [ONE]})
    clock.advance(seconds=30)
    assert await found(keys, "one") == [True]


# D-16, SEED-2: the last good set is kept, however long it takes, and asked for every 30 s.
@pytest.mark.parametrize("reply", UNREADABLE)
async def test_known_keys_are_kept_while_the_project_is_down(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock, reply: Reply
) -> None:
    supabase.will_answer({"keys": [ONE]})
    assert await found(keys, "one") == [True]
    supabase.replies = [reply]
    clock.advance(hours=5)
    assert await found(keys, "one", "one") == [True, True]
    assert len(supabase.received) == 2
    clock.advance(seconds=30)
    assert await found(keys, "one") == [True]
    assert len(supabase.received) == 3


# D-16: the project may have this key since; nobody can tell, so nobody is told that the token is bad.
async def test_unknown_kid_is_an_outage_while_the_project_cannot_be_asked(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock
) -> None:
    supabase.will_answer({"keys": [ONE]})
    assert await found(keys, "one") == [True]
    supabase.replies = [DOWN]
    clock.advance(minutes=10)
    for _ in range(2):
        with pytest.raises(Outage):
            await keys.verification_key("two")


# HS256 projects publish no keys at all: that is an answer.
async def test_project_without_keys_has_none_and_is_no_outage(keys: SupabaseKeys, supabase: ScriptedServer) -> None:
    supabase.will_answer({"keys": []})
    assert await found(keys, "one") == [False]


def rsa_jwk(key: rsa.RSAPrivateKey, **changes: object) -> dict[str, object]:
    numbers = key.public_key().public_numbers()
    modulus = base64url(numbers.n.to_bytes(key.key_size // 8, "big"))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "rsa", "n": modulus, "e": "AQAB", **changes}


RSA_2048, RSA_1024 = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)  # noqa: S505
P384 = ec.derive_private_key(5, ec.SECP384R1()).public_key().public_numbers()


# SEED-1
async def test_rsa_key_of_2048_bits_verifies(keys: SupabaseKeys, supabase: ScriptedServer) -> None:
    supabase.will_answer({"keys": [rsa_jwk(RSA_2048)]})
    key = await keys.verification_key("rsa")
    assert key is not None
    assert key.verifies(read(forge({"alg": "RS256"}, {}, rs256(RSA_2048))))
    assert not key.verifies(read(forge({"alg": "PS256"}, {}, rs256(RSA_2048))))


# STD-156, STD-159, STD-160: what is no public key of ours to use is left out, and the others are kept.
@pytest.mark.parametrize(
    "entry",
    [
        rsa_jwk(RSA_1024),
        rsa_jwk(RSA_2048, alg="PS256"),
        rsa_jwk(RSA_2048, alg="ES256"),
        rsa_jwk(RSA_2048, alg=None),
        rsa_jwk(RSA_2048, use="enc"),
        rsa_jwk(RSA_2048, e="AQ"),
        rsa_jwk(RSA_2048, e="Ag"),
        rsa_jwk(RSA_2048, n=1),
        {"kty": "oct", "alg": "HS256", "kid": "rsa", "k": "c2VjcmV0"},
        {"kty": "oct", "alg": "ES256", "kid": "rsa", "k": "c2VjcmV0"},
        {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "rsa", "x": "A" * 43},
        {
            "kty": "EC",
            "crv": "P-384",
            "alg": "ES256",
            "kid": "rsa",
            "x": base64url(P384.x.to_bytes(48, "big")),
            "y": base64url(P384.y.to_bytes(48, "big")),
        },
        {**ONE, "kid": "rsa", "y": ONE["x"]},  # not on the curve
        {**ONE, "kid": "rsa", "x": ""},
        {**ONE, "kid": "rsa", "x": None},
        {**ONE, "kid": "rsa", "d": base64url((1).to_bytes(32, "big"))},  # private
        {**ONE, "kid": "rsa", "alg": "RS256"},
        {**ONE, "kid": "rsa", "alg": "none"},
        pytest.param({**ONE, "kid": "rsa", "alg": ["ES256"]}, id="alg-list"),
        {**ONE, "kid": "rsa", "kty": "EC2"},
        pytest.param({**ONE, "kid": ["rsa"]}, id="kid-list"),
        {},
        [],
        None,
        "rsa",
        1,
    ],
)
async def test_entry_that_cannot_be_used_is_left_out_and_the_others_are_kept(
    keys: SupabaseKeys, supabase: ScriptedServer, entry: object
) -> None:
    supabase.will_answer({"keys": [entry, TWO]})
    assert await found(keys, "two", "rsa") == [True, False]


async def test_clock_that_goes_back_costs_no_more_than_waiting(
    keys: SupabaseKeys, supabase: ScriptedServer, clock: SettableClock
) -> None:
    supabase.will_answer({"keys": [ONE]})
    assert await found(keys, "one") == [True]
    clock.now -= timedelta(minutes=5)
    assert await found(keys, "one", "two") == [True, False]
    assert len(supabase.received) == 1
