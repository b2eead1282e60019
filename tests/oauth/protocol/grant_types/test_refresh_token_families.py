"""Families of refresh tokens over any sequence of refreshes: no fork, no false sign-out, theft found (D-8)."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from oauth.foundation import credentials
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.grant_types import refresh_token
from oauth.protocol.grant_types.decision import Follow, Issue, Refuse, Rotate
from oauth.protocol.models import RefreshToken
from oauth.protocol.token_request import RefreshTokenRequest
from tests.support.builders import NOW, SETTINGS, make_client, make_refresh_token

WINDOW = timedelta(seconds=60)


class Family:
    """The tokens of one grant, and what carries decisions out. used: which generations were proven to have arrived."""

    def __init__(self) -> None:
        self.now: datetime = NOW
        self.plain = ["rt_0"]
        self.tokens: dict[str, RefreshToken] = {"rt_0": make_refresh_token("rt_0")}
        self.used: set[int] = set()
        self.revoked = False

    @property
    def head(self) -> str:
        return self.plain[-1]

    def superseded_at(self, generation: int) -> datetime | None:
        return self.tokens[self.plain[generation]].superseded_at

    def has_seen_successor_of(self, generation: int) -> bool:
        successor = generation + 1
        return successor < len(self.plain) and (successor in self.used or self.superseded_at(successor) is not None)

    def refresh(self, plain: str) -> Issue | Refuse:
        request = RefreshTokenRequest(ClientId("client_1"), plain, None, None)
        presented = plain
        while True:
            stored = self.tokens[presented]
            stored = replace(stored, successor_seen=self.has_seen_successor_of(stored.generation))
            fresh = f"rt_{len(self.plain)}"
            decision = refresh_token.decide(
                request, make_client(), presented, stored, successor=fresh, settings=SETTINGS, now=self.now
            )
            match decision:
                case Follow(successor):
                    presented = successor
                case Rotate(issue, expires_at, sealed):
                    self.tokens[presented] = replace(stored, superseded_at=self.now, sealed_successor=sealed)
                    self.tokens[fresh] = make_refresh_token(fresh, generation=issue.generation, expires_at=expires_at)
                    self.plain.append(fresh)
                    return issue
                case Issue():
                    return decision
                case Refuse(_, revoke):
                    self.revoked = self.revoked or revoke is not None
                    return decision


# Which of the tokens so far comes (counted from the newest), how many seconds later, and does its reply arrive?
STEPS = st.tuples(
    st.sampled_from([0, 0, 0, 1, 1, 2, 5]), st.sampled_from([0, 1, 30, 60, 61, 3600, 86400]), st.booleans()
)


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=12))
def test_any_sequence_of_refreshes_leads_to_the_one_head_or_ends_the_grant(steps: list[tuple[int, int, bool]]) -> None:
    family = Family()
    for back, seconds, arrives in steps:
        family.now += timedelta(seconds=seconds)
        generation = max(0, len(family.plain) - 1 - back)
        first_used = family.superseded_at(generation)
        before = len(family.plain)
        retry = first_used is not None and (
            family.now - first_used <= WINDOW or not family.has_seen_successor_of(generation)
        )
        outcome = family.refresh(family.plain[generation])
        if first_used is None:
            assert len(family.plain) == before + 1
        else:
            assert len(family.plain) == before  # never a fork
        if first_used is None or retry:
            assert isinstance(outcome, Issue)
            assert (outcome.refresh_token, outcome.generation) == (family.head, len(family.plain) - 1)
            if arrives:
                family.used.add(outcome.generation)
        else:
            assert isinstance(outcome, Refuse)
            assert family.revoked
            return
        assert [token for token in family.tokens.values() if token.superseded_at is None] == [
            family.tokens[family.head]
        ]


# P-2: several processes of one client, each with the token that it last read, all within a minute.
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=20))
def test_parallel_processes_that_refresh_within_a_minute_are_never_signed_out(turns: list[tuple[int, int]]) -> None:
    family = Family()
    held = ["rt_0"] * 5
    started = family.now
    for process, seconds in turns:
        family.now = min(family.now + timedelta(seconds=seconds), started + WINDOW)
        outcome = family.refresh(held[process])
        assert isinstance(outcome, Issue)
        assert outcome.refresh_token == family.head
        held[process] = family.head
        family.used.add(outcome.generation)


# F-7: whoever of thief and client comes second, after the window, is noticed.
def test_token_that_two_parties_hold_ends_the_grant_whoever_comes_first() -> None:
    for pause in (timedelta(seconds=61), timedelta(hours=1), timedelta(days=10)):
        family = Family()
        first = family.refresh("rt_0")
        assert isinstance(first, Issue)
        family.used.add(first.generation)
        family.now += pause
        assert isinstance(family.refresh("rt_0"), Refuse)
        assert family.revoked


def test_retry_is_led_over_several_generations_to_the_newest() -> None:
    family = Family()
    for _ in range(3):
        family.refresh(family.head)
        family.now += timedelta(seconds=15)
    assert family.refresh("rt_0") == Issue(make_refresh_token().grant, make_refresh_token().grant.scope, 3, "rt_3")
    assert len(family.plain) == 4


# D-8: the plain successor is not stored, and only the token before it opens it.
def test_database_without_a_token_opens_no_successor() -> None:
    family = Family()
    family.refresh("rt_0")
    family.refresh("rt_1")
    sealed = family.tokens["rt_0"].sealed_successor
    assert sealed is not None
    assert credentials.unseal_under("rt_0", sealed) == "rt_1"
    assert [credentials.unseal_under(other, sealed) for other in ("rt_1", "rt_2", "")] == [None, None, None]
