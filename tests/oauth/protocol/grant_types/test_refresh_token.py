"""May this grant be refreshed, and which refresh token does the client hold afterwards? (D-8)"""

from datetime import timedelta

import pytest

from oauth.foundation import credentials
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.grant_types import refresh_token
from oauth.protocol.grant_types.decision import Follow, Issue, RefreshDecision, Refuse, Rotate
from oauth.protocol.models import Client, Grant, GrantType, RefreshToken
from oauth.protocol.settings import Settings
from oauth.protocol.token_request import RefreshTokenRequest
from tests.support.builders import NOW, SETTINGS, make_client, make_grant, make_refresh_token, refused, scopes

SECOND = timedelta(seconds=1)
SEALED = credentials.seal_under("rt_0", "rt_1")


def make_request(
    *, sent: str = "rt_0", client_id: str = "client_1", scope: str | None = None, resource: str | None = None
) -> RefreshTokenRequest:
    return RefreshTokenRequest(ClientId(client_id), sent, scope, resource)


def decide(
    token: RefreshToken | None,
    request: RefreshTokenRequest | None = None,
    *,
    presented: str = "rt_0",
    client: Client | None = None,
    settings: Settings = SETTINGS,
) -> RefreshDecision:
    """presented: differs from the request's token once a Follow was taken."""
    return refresh_token.decide(
        request or make_request(),
        client or make_client(),
        presented,
        token,
        successor="rt_fresh",
        settings=settings,
        now=NOW,
    )


def make_superseded(ago: timedelta, *, seen: bool, sealed: bytes | None = SEALED) -> RefreshToken:
    return make_refresh_token(superseded_at=NOW - ago, sealed_successor=sealed, successor_seen=seen)


def revoked(decision: RefreshDecision) -> Grant | None:
    assert isinstance(decision, Refuse)
    return decision.revoke


# STD-21, STD-66: rotation, always.
def test_head_is_superseded_by_a_fresh_token_that_only_its_holder_can_read() -> None:
    token = make_refresh_token(generation=7)
    decision = decide(token)
    assert isinstance(decision, Rotate)
    assert decision.issue == Issue(token.grant, token.grant.scope, 8, "rt_fresh")
    assert decision.refresh_token_expires_at == NOW + timedelta(days=30)
    assert b"rt_fresh" not in decision.sealed_successor
    assert credentials.unseal_under("rt_0", decision.sealed_successor) == "rt_fresh"
    assert credentials.unseal_under("rt_1", decision.sealed_successor) is None


def test_successor_does_not_outlive_the_grant() -> None:
    end = NOW + timedelta(days=3)
    decision = decide(make_refresh_token(grant=make_grant(expires_at=end)))
    assert isinstance(decision, Rotate)
    assert decision.refresh_token_expires_at == end


# STD-67, STD-54: the access token gets less, the grant and with it the next refresh keep what they had.
def test_narrower_scope_narrows_the_access_token_alone() -> None:
    token = make_refresh_token(grant=make_grant(scope="mcp:read mcp:write"))
    decision = decide(token, make_request(scope="mcp:read"))
    assert isinstance(decision, Rotate)
    assert decision.issue == Issue(token.grant, scopes("mcp:read"), 1, "rt_fresh")
    assert decision.issue.grant.scope == scopes("mcp:read mcp:write")


def test_resource_may_be_repeated() -> None:
    assert isinstance(decide(make_refresh_token(), make_request(resource="https://auth.test/mcp/")), Rotate)


WRONG = [
    (make_request(client_id="client_2"), ("invalid_grant", "refresh_token_of_other_client")),  # STD-65
    (make_request(resource="https://auth.test/mcp-admin"), ("invalid_target", "resource_not_granted")),  # F-27
    (make_request(scope="mcp:admin"), ("invalid_scope", "scope_widened")),
    (make_request(scope="a  b"), ("invalid_scope", "scope_malformed")),
]


@pytest.mark.parametrize(("request_", "expected"), WRONG)
def test_wrong_request_is_refused_and_rotates_and_revokes_nothing(
    request_: RefreshTokenRequest, expected: tuple[str, str]
) -> None:
    decision = decide(make_refresh_token(), request_)
    assert refused(decision) == expected
    assert revoked(decision) is None


# As F-28 for codes: a stranger with an old token of another client's ends nothing.
def test_superseded_token_in_the_hands_of_another_client_revokes_nothing() -> None:
    decision = decide(make_superseded(timedelta(days=1), seen=True), make_request(client_id="client_2"))
    assert refused(decision) == ("invalid_grant", "refresh_token_of_other_client")
    assert revoked(decision) is None


def test_unknown_token_is_invalid_grant() -> None:
    decision = decide(None)
    assert refused(decision) == ("invalid_grant", "refresh_token_unknown")
    assert revoked(decision) is None


def test_client_that_did_not_register_for_refresh_tokens_is_unauthorized() -> None:
    client = make_client(grant_types=frozenset({GrantType.AUTHORIZATION_CODE}))
    decision = decide(make_refresh_token(), client=client)
    assert refused(decision) == ("unauthorized_client", "grant_type_not_registered")


# STD-68: at the instant of its end a token is over, and a moment before it is not.
@pytest.mark.parametrize("which", ["token", "grant"])
def test_token_is_good_until_it_or_its_grant_expires(which: str) -> None:
    def ending(left: timedelta) -> RefreshToken:
        if which == "token":
            return make_refresh_token(expires_at=NOW + left)
        return make_refresh_token(grant=make_grant(expires_at=NOW + left))

    assert isinstance(decide(ending(timedelta(microseconds=1))), Rotate)
    decision = decide(ending(timedelta(0)))
    assert refused(decision) == ("invalid_grant", "refresh_token_expired")
    assert revoked(decision) is None


# D-6, STD-65
@pytest.mark.parametrize("token_of", ["head", "superseded"])
def test_token_of_a_revoked_grant_is_invalid_grant(token_of: str) -> None:
    grant = make_grant(revoked_at=NOW - SECOND)
    superseded_at = NOW if token_of == "superseded" else None
    decision = decide(make_refresh_token(grant=grant, superseded_at=superseded_at, sealed_successor=SEALED))
    assert refused(decision) == ("invalid_grant", "grant_revoked")
    assert revoked(decision) is None


# D-8, P-2: parallel and retried refreshes are led to the head, whether or not the reply arrived.
@pytest.mark.parametrize("ago", [timedelta(0), SECOND, timedelta(seconds=60), timedelta(seconds=-1)])
@pytest.mark.parametrize("seen", [False, True])
def test_retry_within_the_window_is_led_to_the_successor(ago: timedelta, seen: bool) -> None:
    assert decide(make_superseded(ago, seen=seen)) == Follow("rt_1")


# D-8: the reply was lost, however long ago.
@pytest.mark.parametrize("ago", [timedelta(seconds=61), timedelta(hours=1), timedelta(days=29)])
def test_retry_is_led_to_a_successor_that_nobody_has_seen(ago: timedelta) -> None:
    assert decide(make_superseded(ago, seen=False)) == Follow("rt_1")


# F-7, STD-66: the client has the successor, so this one is in other hands, or was.
@pytest.mark.parametrize("ago", [timedelta(seconds=60, microseconds=1), timedelta(seconds=61), timedelta(days=29)])
def test_replay_after_the_window_revokes_the_grant(ago: timedelta) -> None:
    token = make_superseded(ago, seen=True)
    decision = decide(token)
    assert refused(decision) == ("invalid_grant", "refresh_token_replayed")
    assert revoked(decision) == token.grant


def test_window_is_a_setting() -> None:
    settings = Settings("https://auth.test", refresh_retry_window=timedelta(seconds=5))
    assert decide(make_superseded(timedelta(seconds=5), seen=True), settings=settings) == Follow("rt_1")
    assert revoked(decide(make_superseded(timedelta(seconds=6), seen=True), settings=settings)) == make_grant()


# What cannot be opened with the presented token cannot be handed out: refused as if it were a replay.
@pytest.mark.parametrize("sealed", [None, b"", SEALED[:-1], credentials.seal_under("rt_other", "rt_1")])
def test_successor_that_cannot_be_read_ends_the_grant(sealed: bytes | None) -> None:
    token = make_superseded(SECOND, seen=False, sealed=sealed)
    decision = decide(token)
    assert refused(decision) == ("invalid_grant", "refresh_token_replayed")
    assert revoked(decision) == token.grant


# D-8: the *current* head, as it is; nothing forks and nothing is extended.
def test_head_that_was_reached_by_following_is_handed_out_again_as_it_is() -> None:
    head = make_refresh_token("rt_3", generation=3)
    decision = decide(head, make_request(sent="rt_0"), presented="rt_3")
    assert decision == Issue(head.grant, head.grant.scope, 3, "rt_3")


def test_scope_is_narrowed_also_where_the_head_is_handed_out_again() -> None:
    head = make_refresh_token("rt_1", generation=1)
    decision = decide(head, make_request(scope="mcp:read"), presented="rt_1")
    assert decision == Issue(head.grant, scopes("mcp:read"), 1, "rt_1")


# Between the token that came and the head there may be others, whose own windows do not matter any more.
def test_superseded_token_on_the_way_to_the_head_is_passed() -> None:
    passed = make_refresh_token(
        "rt_1",
        generation=1,
        superseded_at=NOW - timedelta(days=1),
        sealed_successor=credentials.seal_under("rt_1", "rt_2"),
        successor_seen=True,
    )
    assert decide(passed, make_request(sent="rt_0"), presented="rt_1") == Follow("rt_2")


def test_expired_head_is_refused_to_a_retry_and_revokes_nothing() -> None:
    head = make_refresh_token("rt_1", generation=1, expires_at=NOW)
    decision = decide(head, make_request(sent="rt_0"), presented="rt_1")
    assert refused(decision) == ("invalid_grant", "refresh_token_expired")
    assert revoked(decision) is None


# D-8: 30 days from last use. This one was used yesterday, the reply was lost, and its head is good for a month.
def test_lost_reply_shortly_before_the_idle_limit_does_not_sign_out() -> None:
    token = make_refresh_token(
        expires_at=NOW, superseded_at=NOW - timedelta(days=1), sealed_successor=SEALED, successor_seen=False
    )
    assert decide(token) == Follow("rt_1")


# F-14
def test_tokens_do_not_show_when_a_decision_is_printed() -> None:
    assert "rt_fresh" not in repr(decide(make_refresh_token()))
    assert "rt_1" not in repr(decide(make_superseded(SECOND, seen=True)))
