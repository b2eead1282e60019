"""May this code be exchanged, and for what? (D-7)"""

from datetime import timedelta

import pytest

from oauth.foundation.vocabulary import ClientId
from oauth.protocol.grant_types import authorization_code
from oauth.protocol.grant_types.decision import CodeDecision, Issue, Redeem, Refuse
from oauth.protocol.models import AuthorizationCode, Client, Grant, GrantType
from oauth.protocol.settings import Settings
from oauth.protocol.token_request import AuthorizationCodeRequest
from tests.support.builders import (
    NOW,
    SETTINGS,
    VERIFIER,
    make_client,
    make_code,
    make_grant,
    refused,
    scopes,
)

CODE_ONLY = make_client(grant_types=frozenset({GrantType.AUTHORIZATION_CODE}))


def make_request(
    *,
    client_id: str = "client_1",
    redirect_uri: str | None = "https://app.example/cb",
    code_verifier: str | None = VERIFIER,
    resource: str | None = "https://auth.test/mcp",
) -> AuthorizationCodeRequest:
    return AuthorizationCodeRequest(ClientId(client_id), "ac_1", redirect_uri, code_verifier, resource)


def decide(
    code: AuthorizationCode | None,
    request: AuthorizationCodeRequest | None = None,
    client: Client | None = None,
    settings: Settings = SETTINGS,
) -> CodeDecision:
    return authorization_code.decide(
        request or make_request(),
        client or make_client(),
        code,
        refresh_token="rt_fresh",
        settings=settings,
        now=NOW,
    )


def revoked(decision: CodeDecision) -> Grant | None:
    assert isinstance(decision, Refuse)
    return decision.revoke


def test_good_code_is_redeemed_for_what_was_granted_and_nothing_more() -> None:
    grant = make_grant(scope="mcp:read offline_access")
    assert decide(make_code(grant=grant)) == Redeem(
        Issue(grant, scopes("mcp:read offline_access"), 0, "rt_fresh"),
        refresh_token_expires_at=NOW + timedelta(days=30),
    )


def test_client_that_did_not_register_for_refresh_tokens_gets_none() -> None:
    decision = decide(make_code(), client=CODE_ONLY)
    assert isinstance(decision, Redeem)
    assert decision.issue.refresh_token is None


# D-8: the absolute end of the grant caps the life of its refresh tokens.
def test_refresh_token_does_not_outlive_the_grant() -> None:
    end = NOW + timedelta(days=7)
    decision = decide(make_code(grant=make_grant(expires_at=end)))
    assert isinstance(decision, Redeem)
    assert decision.refresh_token_expires_at == end


# OAuth 2.1 §10.2: clients of OAuth 2.0 repeat the redirect URI, others do not. D-4 for the resource.
@pytest.mark.parametrize(
    "request_",
    [
        make_request(redirect_uri=None),
        make_request(resource=None),
        make_request(resource="HTTPS://AUTH.TEST/mcp/"),
    ],
)
def test_redirect_uri_and_resource_may_be_left_out(request_: AuthorizationCodeRequest) -> None:
    assert decide(make_code(), request_) == decide(make_code())


# STD-56, STD-57, STD-58, STD-60, STD-122, F-9, F-27
WRONG = [
    (make_request(client_id="client_2"), ("invalid_grant", "code_of_other_client")),
    (make_request(redirect_uri="https://app.example/cb2"), ("invalid_grant", "redirect_uri_differs")),
    (make_request(redirect_uri="https://app.example/cb/"), ("invalid_grant", "redirect_uri_differs")),
    (make_request(redirect_uri="HTTPS://app.example/cb"), ("invalid_grant", "redirect_uri_differs")),
    (make_request(code_verifier=None), ("invalid_grant", "code_verifier_malformed")),
    (make_request(code_verifier="a"), ("invalid_grant", "code_verifier_malformed")),
    (make_request(code_verifier="é" * 43), ("invalid_grant", "code_verifier_malformed")),
    (make_request(code_verifier="w" * 43), ("invalid_grant", "code_verifier_mismatch")),
    (make_request(resource="https://auth.test/mcp-admin"), ("invalid_target", "resource_not_granted")),
    (make_request(resource="https://evil.example/mcp"), ("invalid_target", "resource_not_granted")),
]


# STD-123: refused, and not redeemed, so that the right request still finds the code.
@pytest.mark.parametrize(("request_", "expected"), WRONG)
def test_wrong_request_is_refused_and_burns_nothing(
    request_: AuthorizationCodeRequest, expected: tuple[str, str]
) -> None:
    decision = decide(make_code(), request_)
    assert refused(decision) == expected
    assert revoked(decision) is None


def test_client_that_did_not_register_for_codes_is_unauthorized() -> None:
    client = make_client(grant_types=frozenset({GrantType.REFRESH_TOKEN}))
    assert refused(decide(make_code(), client=client)) == ("unauthorized_client", "grant_type_not_registered")


def test_unknown_code_is_invalid_grant() -> None:
    assert refused(decide(None)) == ("invalid_grant", "code_unknown")


# STD-60
def test_code_is_good_until_it_expires_and_not_at_that_instant() -> None:
    assert isinstance(decide(make_code(expires_at=NOW + timedelta(microseconds=1))), Redeem)
    expired = decide(make_code(expires_at=NOW))
    assert refused(expired) == ("invalid_grant", "code_expired")
    assert revoked(expired) is None


# D-6
def test_code_of_a_revoked_grant_is_invalid_grant() -> None:
    decision = decide(make_code(grant=make_grant(revoked_at=NOW)))
    assert refused(decision) == ("invalid_grant", "grant_revoked")


# F-7, STD-61: somebody else has the code, or had it. Also long after the code has expired.
@pytest.mark.parametrize("ago", [timedelta(seconds=2, microseconds=1), timedelta(minutes=5), timedelta(days=20)])
def test_replay_that_is_valid_in_everything_else_revokes_the_grant(ago: timedelta) -> None:
    spent = make_code(redeemed_at=NOW - ago, expires_at=NOW - ago + timedelta(seconds=30))
    decision = decide(spent)
    assert refused(decision) == ("invalid_grant", "code_replayed")
    assert revoked(decision) == spent.grant


# D-7: the winner of a race keeps what it won.
@pytest.mark.parametrize("ago", [timedelta(0), timedelta(seconds=2), timedelta(seconds=-1)])
def test_loser_of_a_race_is_refused_and_revokes_nothing(ago: timedelta) -> None:
    decision = decide(make_code(redeemed_at=NOW - ago))
    assert refused(decision) == ("invalid_grant", "code_replayed")
    assert revoked(decision) is None


# F-28, STD-62: whoever has only the code can end nobody's grant.
@pytest.mark.parametrize(("request_", "expected"), WRONG)
def test_replay_that_is_wrong_in_anything_revokes_nothing(
    request_: AuthorizationCodeRequest, expected: tuple[str, str]
) -> None:
    decision = decide(make_code(redeemed_at=NOW - timedelta(seconds=5)), request_)
    assert refused(decision) == expected
    assert revoked(decision) is None


def test_race_and_lifetime_are_settings() -> None:
    settings = Settings(
        "https://auth.test", redemption_race=timedelta(seconds=10), refresh_token_lifetime=timedelta(hours=1)
    )
    raced = decide(make_code(redeemed_at=NOW - timedelta(seconds=10)), settings=settings)
    assert revoked(raced) is None
    redeemed = decide(make_code(), settings=settings)
    assert isinstance(redeemed, Redeem)
    assert redeemed.refresh_token_expires_at == NOW + timedelta(hours=1)


# F-14
def test_refresh_token_does_not_show_when_a_decision_is_printed() -> None:
    assert "rt_fresh" not in repr(decide(make_code()))
