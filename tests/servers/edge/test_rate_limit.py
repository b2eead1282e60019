"""Requests of one client in a minute (SEED-50)."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import Digest
from oauth.stores.opening import open_database, store_on
from servers.edge.rate_limit import REFUSED_COSTS, RateLimiter, network_of
from tests.support.clock import SettableClock

HERE, THERE = "203.0.113.9", "203.0.113.10"
MOST = 10


@pytest.fixture
def limiter(clock: SettableClock) -> RateLimiter:
    """At the beginning of a window."""
    clock.now = clock.now.replace(second=0)
    return RateLimiter(MOST, clock)


def admitted(limiter: RateLimiter, count: int, credential: bytes | None = None, network: str = HERE) -> int:
    return sum(limiter.admit(credential, network) is None for _ in range(count))


# SEED-50, F-35
def test_address_has_its_limit_and_no_others(limiter: RateLimiter) -> None:
    assert admitted(limiter, 50) == MOST
    assert admitted(limiter, 50, network=THERE) == MOST


# SEED-50
def test_whoever_is_over_it_is_told_how_long_to_wait(limiter: RateLimiter, clock: SettableClock) -> None:
    admitted(limiter, MOST)
    clock.advance(seconds=20)
    assert limiter.admit(None, HERE) == 40


def test_minute_before_counts_in_proportion(limiter: RateLimiter, clock: SettableClock) -> None:
    assert admitted(limiter, MOST) == MOST
    clock.advance(seconds=90)
    assert admitted(limiter, 50) == MOST // 2
    clock.advance(minutes=2)
    assert admitted(limiter, 50) == MOST


# SEED-50, P-15
def test_good_credentials_at_one_address_have_a_limit_each(limiter: RateLimiter) -> None:
    for number in range(5):
        credential = b"Bearer %d" % number
        assert limiter.admit(credential, HERE) is None
        limiter.settle(credential, HERE, caller=f"person {number}", refused=False)
        assert admitted(limiter, 50, credential) == MOST - 1
    assert admitted(limiter, 50) == MOST


def test_credential_that_was_good_stays_one_when_its_address_is_full(
    limiter: RateLimiter, clock: SettableClock
) -> None:
    limiter.settle(b"Bearer good", HERE, caller="person", refused=False)
    admitted(limiter, 50)
    assert limiter.admit(b"Bearer good", HERE) is None
    assert limiter.admit(b"Bearer new", HERE) is not None
    clock.advance(minutes=1)
    assert limiter.admit(b"Bearer good", HERE) is None


def test_refused_credentials_count_for_their_address_and_more_than_others(limiter: RateLimiter) -> None:
    tried = 0
    while limiter.admit(b"Bearer %d" % tried, HERE) is None:
        limiter.settle(b"Bearer %d" % tried, HERE, caller=None, refused=True)
        tried += 1
    assert tried == MOST // REFUSED_COSTS


def test_credential_that_nobody_looked_at_counts_for_its_address(limiter: RateLimiter) -> None:
    tried = 0
    while limiter.admit(b"Bearer %d" % tried, HERE) is None:
        limiter.settle(b"Bearer %d" % tried, HERE, caller=None, refused=False)
        tried += 1
    assert tried == MOST


# P-15
def test_fresh_token_of_the_same_person_and_client_is_no_fresh_limit(
    limiter: RateLimiter, clock: SettableClock
) -> None:
    first = again = 0
    for number in range(50):
        credential = b"Bearer %d" % number
        if limiter.admit(credential, HERE) is None:
            limiter.settle(credential, HERE, caller="person", refused=False)
            first += 1
            again += admitted(limiter, 1, credential)
    # Beyond its own limit it goes on at the expense of its address, and then no more.
    assert first + again == 2 * MOST
    clock.advance(minutes=1)
    assert admitted(limiter, 1, b"Bearer 0") == 0


# P-15
@pytest.mark.parametrize("credential", [None, b"Basic of-a-client"])
def test_good_token_requests_are_counted_for_their_person_and_not_for_the_address(
    limiter: RateLimiter, credential: bytes | None
) -> None:
    for number in range(MOST * 3):
        assert limiter.admit(credential, HERE) is None
        limiter.settle_served(credential, HERE, caller=f"person {number}")
    # One who is beyond it goes on at the expense of the address.
    made = 0
    while limiter.admit(credential, HERE) is None:
        limiter.settle_served(credential, HERE, caller="one")
        made += 1
    assert made == 2 * MOST


def test_programs_of_the_operator_are_not_counted(limiter: RateLimiter) -> None:
    for credential in (None, b"Basic of-a-server"):
        for _ in range(MOST * 3):
            assert limiter.admit(credential, HERE) is None
            limiter.settle_served(credential, HERE, caller=None)
    assert admitted(limiter, 50) == MOST


def test_clock_that_goes_back_lets_nobody_in_twice(limiter: RateLimiter, clock: SettableClock) -> None:
    admitted(limiter, MOST)
    clock.now -= timedelta(hours=1)
    assert admitted(limiter, 50) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("unix:", "unix:"),
        ("203.0.113.9:4711", "203.0.113.9:4711"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_network_is_what_one_client_can_have_all_of(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.text(max_size=60))
def test_every_address_has_a_network(written: str) -> None:
    assert isinstance(network_of(written), str)


# -- several processes and nodes


class Board:
    """Where they add up."""

    def __init__(self) -> None:
        self.counts: dict[Digest, int] = {}
        self.writes = 0

    async def add(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
        del until
        self.writes += 1
        for key, count in counts.items():
            self.counts[key] = self.counts.get(key, 0) + count
        return {key: self.counts[key] for key in counts}


@pytest.fixture
def others(limiter: RateLimiter, clock: SettableClock) -> list[RateLimiter]:
    """Three processes in all."""
    return [limiter, RateLimiter(MOST, clock), RateLimiter(MOST, clock)]


async def exchange(limiters: list[RateLimiter], board: Board) -> None:
    for _ in range(2):
        for each in limiters:
            await each.exchange(board)


async def test_client_has_one_limit_at_all_nodes(others: list[RateLimiter]) -> None:
    board = Board()
    for credential in (None, b"Bearer good"):
        for each in others:
            each.settle(b"Bearer good", HERE, caller="person", refused=False)
            assert admitted(each, 3, credential) == 3
        await exchange(others, board)
        assert sum(admitted(each, 50, credential) for each in others) <= 3 * (MOST - 9)


async def test_what_was_told_once_is_not_counted_again(others: list[RateLimiter]) -> None:
    board = Board()
    assert admitted(others[0], 4) == 4
    assert admitted(others[1], 2) == 2
    for _ in range(10):
        await exchange(others, board)
    assert admitted(others[0], 50) == MOST - 6


async def test_minute_before_counts_as_it_was_at_all_nodes(others: list[RateLimiter], clock: SettableClock) -> None:
    board = Board()
    for each in others:
        admitted(each, 3)
    await exchange(others, board)
    clock.advance(seconds=60)
    assert admitted(others[0], 50) == 1


async def test_quiet_clients_cost_nothing(clock: SettableClock) -> None:
    board, limiter = Board(), RateLimiter(500, clock)
    for number in range(1000):
        assert admitted(limiter, 40, network=f"203.0.113.{number}") == 40
    await limiter.exchange(board)
    assert board.writes == 0


async def test_window_that_ends_during_the_exchange_is_over(others: list[RateLimiter], clock: SettableClock) -> None:
    class Slow(Board):
        async def add(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
            totals = await super().add(counts, until)
            clock.advance(minutes=2)
            admitted(others[0], 1)
            return totals

    admitted(others[0], 5)
    await others[0].exchange(Slow())
    assert admitted(others[0], 50) == MOST - 1


async def test_counts_of_nodes_add_up_in_the_database(database_url: str, clock: SettableClock) -> None:
    database = await open_database(database_url)
    store, until = store_on(database), clock() + timedelta(minutes=1)
    ours, theirs = digest("a"), digest("b")
    assert await store.attempts.add({ours: 3, theirs: 0}, until) == {ours: 3, theirs: 0}
    assert await store.attempts.add({ours: 2}, until) == {ours: 5}
    both = await asyncio.gather(*(store.attempts.add({ours: 1, theirs: 1}, until) for _ in range(10)))
    assert max(each[ours] for each in both) == 15
    assert await store.upkeep.sweep(until + timedelta(seconds=1), 10) == 2
    await database.close()
