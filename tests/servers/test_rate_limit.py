"""Requests of one client in a minute (SEED-50)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.rate_limit import REFUSED_COSTS, RateLimiter, network_of
from tests.support.clock import SettableClock

HERE, THERE = "203.0.113.9", "203.0.113.10"
MOST = 10


@pytest.fixture
def limiter(clock: SettableClock) -> RateLimiter:
    return RateLimiter(MOST, clock)


def admitted(limiter: RateLimiter, count: int, credential: bytes | None = None, network: str = HERE) -> int:
    return sum(limiter.admit(credential, network) is None for _ in range(count))


def test_address_has_its_limit_and_no_others(limiter: RateLimiter) -> None:
    assert admitted(limiter, 50) == MOST
    assert admitted(limiter, 50, network=THERE) == MOST


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


def test_good_credentials_at_one_address_have_a_limit_each(limiter: RateLimiter) -> None:
    for number in range(5):
        credential = b"Bearer %d" % number
        assert limiter.admit(credential, HERE) is None
        limiter.settle(credential, HERE, proven=True, refused=False)
        assert admitted(limiter, 50, credential) == MOST - 1
    assert admitted(limiter, 50) == MOST


def test_credential_that_was_good_stays_one_when_its_address_is_full(
    limiter: RateLimiter, clock: SettableClock
) -> None:
    limiter.settle(b"Bearer good", HERE, proven=True, refused=False)
    admitted(limiter, 50)
    assert limiter.admit(b"Bearer good", HERE) is None
    assert limiter.admit(b"Bearer new", HERE) is not None
    clock.advance(minutes=1)
    assert limiter.admit(b"Bearer good", HERE) is None


def test_refused_credentials_count_for_their_address_and_more_than_others(limiter: RateLimiter) -> None:
    tried = 0
    while limiter.admit(b"Bearer %d" % tried, HERE) is None:
        limiter.settle(b"Bearer %d" % tried, HERE, proven=False, refused=True)
        tried += 1
    assert tried == MOST // REFUSED_COSTS


def test_credential_that_nobody_looked_at_counts_for_its_address(limiter: RateLimiter) -> None:
    tried = 0
    while limiter.admit(b"Bearer %d" % tried, HERE) is None:
        limiter.settle(b"Bearer %d" % tried, HERE, proven=False, refused=False)
        tried += 1
    assert tried == MOST


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
