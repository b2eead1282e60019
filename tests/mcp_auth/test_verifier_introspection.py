"""Tokens of Supabase whose signature cannot be checked here: shared secrets, and outages of the key set (SEED-1…5)."""

import asyncio
import contextlib
import json

import pytest

from mcp_auth.principal import Principal
from mcp_auth.rejection import AuthFailureReason, Rejection, failure_of
from oauth.foundation.outages import ProviderUnavailable, StoreUnavailable
from tests.support.forging import constant, hs256
from tests.support.scripted_server import RESET, Reply
from tests.support.tokens import ISSUED_AT, OUR_SIGNATURE, SUPABASE_JWKS, make_session_token
from tests.support.verifying_node import JWKS, Node

SECRET = "the-legacy-jwt-secret-of-the-project"
OTHER = "some-other-secret-of-the-same-length"
NO_KEYS = Reply(b'{"keys":[]}')
DOWN = Reply(b"{}", 503)
SUBJECT = Reply(b'{"id":"subject_1"}')
REFUSED = Reply(b'{"code":"bad_jwt","message":"invalid JWT"}', 403)


def shared(node: Node, secret: str = SECRET, **changes: object) -> str:
    return make_session_token(node.claims(**changes), {"alg": "HS256", "kid": None}, hs256(secret.encode()))


async def verdict(node: Node, token: str) -> str:
    outcome = await node.verifier().verify(token)
    return outcome.reason if isinstance(outcome, Rejection) else "good"


# SEED-1: with the secret nobody is asked.
async def test_token_of_a_project_with_a_shared_secret_is_verified_with_it(node: Node) -> None:
    node.know(SECRET)
    assert await verdict(node, shared(node)) == "good"
    assert await verdict(node, shared(node, OTHER)) == "bad_signature"
    assert node.asked == []


# RFC 8725 §2.1: the public key of an ES256 project is no secret for HS256.
async def test_shared_secret_does_not_open_a_project_that_has_keys(node: Node) -> None:
    assert await verdict(node, shared(node, json.dumps(SUPABASE_JWKS["keys"][0]))) == "unknown_key"
    kid = SUPABASE_JWKS["keys"][0]["kid"]
    forged = make_session_token(node.claims(), {"alg": "HS256", "kid": kid}, hs256(SECRET.encode()))
    assert await verdict(node, forged) == "bad_signature"
    assert node.asked == [JWKS]


# SEED-1
async def test_project_that_signs_with_a_secret_that_is_not_configured_is_asked(node: Node) -> None:
    node.project.replies = [NO_KEYS, SUBJECT]
    token = shared(node)
    assert await verdict(node, token) == "good"
    assert node.asked == [JWKS, "/user"]
    assert node.project.received[1].headers["authorization"] == f"Bearer {token}"


# SEED-4
async def test_project_is_asked_about_the_token_while_its_keys_cannot_be_had(node: Node) -> None:
    node.project.replies = [DOWN, SUBJECT]
    assert await verdict(node, node.token()) == "good"
    assert node.asked == [JWKS, "/user"]


# SEED-5: a verdict of Supabase is a 401, and it is known whose it was.
async def test_token_that_the_project_refuses_is_rejected_as_its_verdict(node: Node) -> None:
    node.project.replies = [DOWN, REFUSED]
    outcome = await node.verifier().verify(node.token())
    assert isinstance(outcome, Rejection)
    assert (outcome.reason, outcome.failure) == ("supabase_session_ended", AuthFailureReason.PROVIDER_ERROR)


async def test_token_that_is_malformed_is_nobody_elses_verdict(node: Node) -> None:
    outcome = await node.verifier().verify("x.y.z")
    assert isinstance(outcome, Rejection)
    assert outcome.failure is AuthFailureReason.INVALID_TOKEN


def test_outage_of_the_provider_is_told_from_one_of_the_database() -> None:
    assert failure_of(ProviderUnavailable("down")) is AuthFailureReason.PROVIDER_UNREACHABLE
    assert failure_of(StoreUnavailable("down")) is None


# SEED-5, D-16: every fault of the provider, first at the keys, then at the question.
FAULTS = {
    "hangs up": RESET,
    "500": Reply(b"{}", 500),
    "503": DOWN,
    "429": Reply(b'{"code":"over_request_rate_limit"}', 429),
    "HTML with 200": Reply(b"<html>"),
    "HTML with 403": Reply(b"<html>", 403),
    "404 of a wrong address": Reply(b'{"message":"no Route matched"}', 404),
    "401 of a gateway for a wrong key of ours": Reply(b'{"message":"Invalid API key"}', 401),
    "a list": Reply(b"[]"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_fault_of_the_provider_is_an_outage_and_never_a_verdict(node: Node, fault: Reply | None) -> None:
    node.project.replies = [fault]
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await node.verifier().verify(node.token())


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_token_is_good_again_when_the_provider_is(node: Node, fault: Reply | None) -> None:
    node.project.replies = [fault]
    token = node.token()
    with pytest.raises(ProviderUnavailable):
        await node.verifier().verify(token)
    node.project.will_answer(SUPABASE_JWKS)
    node.clock.advance(seconds=31)
    assert await verdict(node, token) == "good"


# What the token's own claims condemn is not asked about.
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": ISSUED_AT - 100, "iat": ISSUED_AT - 3700}, "expired"),
        ({"aud": "somebody-else"}, "supabase_audience"),
        ({"role": "service_role"}, "supabase_role"),
        ({"is_anonymous": True}, "supabase_anonymous"),
        ({"client_id": "a-third-party"}, "supabase_third_party_client"),
    ],
)
async def test_nobody_is_asked_about_a_token_that_its_claims_condemn(
    node: Node, changes: dict[str, object], reason: str
) -> None:
    node.project.replies = [DOWN]
    assert await verdict(node, node.token(**changes)) == reason
    assert node.asked == [JWKS]


async def test_answer_about_another_person_is_no_confirmation(node: Node) -> None:
    node.project.replies = [DOWN, Reply(b'{"id":"subject_2"}')]
    assert await verdict(node, node.token()) == "supabase_session_ended"


# SEED-3, D-14: a confirmation holds for 45 s, and a verdict for 15 s at the most after it.
async def test_confirmed_token_is_asked_about_again_within_a_minute(node: Node) -> None:
    node.project.replies = [NO_KEYS, SUBJECT, REFUSED]
    verifier, token = node.verifier(), shared(node)
    for _ in range(4):
        assert isinstance(await verifier.verify(token), Principal)
        node.clock.advance(seconds=14)
    assert node.asked == [JWKS, "/user"]
    node.clock.advance(seconds=4)
    assert isinstance(await verifier.verify(token), Rejection)


# F-11
async def test_confirmation_does_not_outlive_the_token(node: Node) -> None:
    node.project.replies = [NO_KEYS, SUBJECT]
    verifier, token = node.verifier(), shared(node, exp=ISSUED_AT + 20)
    assert isinstance(await verifier.verify(token), Principal)
    node.clock.advance(seconds=51)
    outcome = await verifier.verify(token)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "expired"


async def test_parallel_requests_with_one_token_are_one_question(node: Node) -> None:
    node.project.replies = [NO_KEYS, SUBJECT]
    token = shared(node)
    outcomes = await asyncio.gather(*(node.verifier().verify(token) for _ in range(50)))
    assert all(isinstance(outcome, Principal) for outcome in outcomes)
    assert node.asked == [JWKS, "/user"]


async def test_question_outlives_the_request_that_asked_it(node: Node) -> None:
    node.project.replies = [NO_KEYS, SUBJECT]
    token = shared(node)
    first = asyncio.ensure_future(node.verifier().verify(token))
    second = asyncio.ensure_future(node.verifier().verify(token))
    while "/user" not in node.asked:  # noqa: ASYNC110 - what is waited for comes over a socket
        await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Principal)
    assert node.asked == [JWKS, "/user"]


def bad_tokens(node: Node, count: int) -> list[str]:
    """As different as they can be made, and each as good as the claims can make it."""
    kinds = (
        lambda number: f"{number}.y.z",
        lambda number: node.token(sub=f"subject_{number}", exp=ISSUED_AT - 100, iat=ISSUED_AT - 3700),
        lambda number: node.token(iss="https://evil.example", sub=f"subject_{number}"),
        lambda number: make_session_token(node.claims(sub=f"s_{number}"), {"kid": f"kid {number}"}, OUR_SIGNATURE),
        lambda number: make_session_token(node.claims(sub=f"s_{number}"), sign=OUR_SIGNATURE),
        lambda number: make_session_token(node.claims(sub=f"s_{number}"), {"alg": "none"}, constant(b"")),
        lambda number: shared(node, OTHER, sub=f"s_{number}"),
    )
    return [kinds[number % len(kinds)](number) for number in range(count)]


# SEED-3, F-12
async def test_ten_thousand_bad_tokens_cause_one_outbound_call(node: Node) -> None:
    verifier = node.verifier()
    for token in bad_tokens(node, 10_000):
        assert isinstance(await verifier.verify(token), Rejection)
    assert node.asked == [JWKS]


async def test_ten_thousand_bad_tokens_in_an_outage_cause_two(node: Node) -> None:
    node.project.replies = [DOWN]
    verifier = node.verifier()
    for token in bad_tokens(node, 10_000):
        with contextlib.suppress(ProviderUnavailable):
            assert isinstance(await verifier.verify(token), Rejection)
    assert node.asked == [JWKS, "/user"]


# Where only Supabase can tell, invented tokens cost it a handful of questions, and nobody who was confirmed notices.
async def test_invented_tokens_of_a_project_that_has_to_be_asked_are_asked_about_ten_times(node: Node) -> None:
    node.project.replies = [NO_KEYS, SUBJECT, REFUSED]
    verifier, good = node.verifier(), shared(node)
    assert isinstance(await verifier.verify(good), Principal)
    refused, unknown = 0, 0
    for number in range(1000):
        try:
            assert isinstance(await verifier.verify(shared(node, OTHER, sub=f"subject_{number}")), Rejection)
            refused += 1
        except ProviderUnavailable:
            unknown += 1
    assert (refused, unknown) == (10, 990)
    assert isinstance(await verifier.verify(good), Principal)
    node.clock.advance(seconds=30)
    node.project.replies = [Reply(b'{"id":"subject_1"}')]
    assert await verdict(node, shared(node, session_id="another")) == "good"


# SEED-1: a key set of the project that was empty may have keys the next time: the way to asymmetric keys.
async def test_project_that_gets_keys_is_asked_no_more(node: Node) -> None:
    node.project.replies = [NO_KEYS, SUBJECT]
    assert await verdict(node, shared(node)) == "good"
    node.clock.advance(hours=1, seconds=1)
    node.project.will_answer(SUPABASE_JWKS)
    assert await verdict(node, node.token(exp=ISSUED_AT + 7200)) == "good"
    assert await verdict(node, shared(node, exp=ISSUED_AT + 7200)) == "unknown_key"


# D-14: a session whose token is proven here is asked about all the same, and calls do not wait for it again and again.
async def test_followed_session_is_asked_about_in_the_background_before_its_answer_gets_old(node: Node) -> None:
    node.know(followed=True)
    node.project.replies = [Reply(json.dumps(SUPABASE_JWKS).encode()), SUBJECT]
    verifier, token = node.verifier(), node.token()
    assert isinstance(await verifier.verify(token), Principal)
    assert node.asked == [JWKS, "/user"]
    node.clock.advance(seconds=16)
    node.project.replies = [REFUSED]
    assert isinstance(await verifier.verify(token), Principal)
    async with asyncio.timeout(10):
        while node.asked.count("/user") < 2:  # noqa: ASYNC110 - what is waited for comes over a socket
            await asyncio.sleep(0)
    node.clock.advance(seconds=16)
    while isinstance(outcome := await verifier.verify(token), Principal):
        node.clock.advance(seconds=1)  # a verdict is believed for 15 s
        await asyncio.sleep(0)
    assert outcome.reason == "supabase_session_ended"
    assert node.asked.count("/user") == 2


async def test_followed_session_is_good_while_nobody_can_be_asked(node: Node) -> None:
    node.know(followed=True)
    node.project.replies = [Reply(json.dumps(SUPABASE_JWKS).encode()), DOWN]
    verifier, token = node.verifier(), node.token()
    for _ in range(5):
        assert isinstance(await verifier.verify(token), Principal)
        node.clock.advance(seconds=20)
    assert node.asked.count("/user") <= 5
