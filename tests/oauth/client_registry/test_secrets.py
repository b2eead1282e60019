"""Secrets of clients: argon2id in a thread of its own, for so many at a time."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from oauth.client_registry import secrets as client_secrets
from oauth.client_registry.secrets import ClientSecrets, hash_secret
from oauth.foundation.admission_queue import TooManyWaiting
from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import Digest

SECRET = "cs_a-secret"


@pytest.fixture
def secrets() -> Iterator[ClientSecrets]:
    running = ClientSecrets(os.urandom, most_waiting=3)
    yield running
    running.close()


def test_stored_secret_is_argon2id_with_owasps_parameters() -> None:
    assert hash_secret(SECRET, os.urandom).startswith(b"$argon2id$v=19$m=19456,t=2,p=1$")
    assert hash_secret(SECRET, os.urandom) != hash_secret(SECRET, os.urandom)


@pytest.mark.parametrize("stored", [hash_secret(SECRET, os.urandom), digest(SECRET)], ids=["argon2id", "digest"])
def test_secret_matches_what_is_stored_of_it_and_nothing_else_does(stored: Digest) -> None:
    assert client_secrets.matches(SECRET, stored)
    for other in ("", "cs_a-secreT", SECRET + "x", "é", "\ud800"):
        assert not client_secrets.matches(other, stored)


@pytest.mark.parametrize("stored", [b"", b"$argon2id$", b"\xff" * 40, b"x" * 31])
def test_what_is_no_hash_matches_nothing(stored: bytes) -> None:
    assert not client_secrets.matches(SECRET, Digest(stored))


async def test_match_says_which_of_two_it_is(secrets: ClientSecrets) -> None:
    first, second = hash_secret("one", os.urandom), hash_secret("two", os.urandom)
    assert await secrets.match("two", [first, second]) == second
    assert await secrets.match("three", [first, second]) is None
    assert await secrets.match("one", []) is None


async def test_secret_that_was_right_is_remembered_for_as_long_as_it_is_stored(secrets: ClientSecrets) -> None:
    stored = hash_secret(SECRET, os.urandom)
    assert secrets.remembered(SECRET, [stored]) is None
    await secrets.match(SECRET, [stored])
    assert secrets.remembered(SECRET, [stored]) == stored
    assert secrets.remembered("other", [stored]) is None
    assert secrets.remembered(SECRET, [hash_secret(SECRET, os.urandom)]) is None


async def test_wrong_secret_is_not_remembered(secrets: ClientSecrets) -> None:
    stored = hash_secret(SECRET, os.urandom)
    await secrets.match("wrong", [stored])
    assert secrets.remembered("wrong", [stored]) is None


# D-16
async def test_more_than_can_wait_are_told_to_come_back_and_the_rest_is_served(secrets: ClientSecrets) -> None:
    stored = hash_secret(SECRET, os.urandom)
    outcomes = await asyncio.gather(*(secrets.match(SECRET, [stored]) for _ in range(10)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [bytes] * 3 + [TooManyWaiting] * 7
    assert await secrets.match(SECRET, [stored]) == stored


async def test_event_loop_goes_on_while_secrets_are_checked(secrets: ClientSecrets) -> None:
    stored = hash_secret(SECRET, os.urandom)
    checking = asyncio.create_task(secrets.match("wrong", [stored]))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
