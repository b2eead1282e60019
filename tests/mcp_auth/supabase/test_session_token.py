"""Which tokens of Supabase Auth a resource takes (D-9)."""

import pytest

from mcp_auth.rejection import Rejection
from mcp_auth.supabase import session_token
from mcp_auth.supabase.session_token import SessionToken
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Subject
from oauth.protocol.resources import Resource
from tests.support.builders import ADMIN, API, USER
from tests.support.tokens import ISSUED_AT, make_session_claims, without

ISSUER = "https://project.supabase.co/auth/v1"
USER_AUDIENCE = "https://auth.test/mcp"


def make_claims(**changes: object) -> dict[str, object]:
    return make_session_claims(ISSUER, **changes)


@pytest.mark.parametrize(
    ("resource", "audience"),
    [
        (API, "authenticated"),
        (API, ["authenticated"]),
        (API, ["authenticated", "https://auth.test/mcp"]),
        (USER, "https://auth.test/mcp"),
        (USER, ["authenticated", "https://auth.test/mcp"]),
    ],
)
def test_session_for_the_resource_is_accepted(resource: Resource, audience: object) -> None:
    assert session_token.check(make_claims(aud=audience, aal="aal2"), resource) == SessionToken(
        subject=Subject("subject_1"),
        session_id="session_1",
        issued_at=ISSUED_AT,
        expires_at=ISSUED_AT + 3600,
        acr="aal2",
    )


# P-12, SEED-41: any app of the project has tokens for `authenticated`; an MCP server wants to be named.
@pytest.mark.parametrize(
    ("resource", "audience"),
    [
        (USER, "authenticated"),
        (USER, ["authenticated"]),
        (USER, "https://auth.test/mcp-admin"),
        (USER, "https://auth.test/mcp/"),
        (USER, "https://auth.test/mcp https://auth.test/api"),
        (USER, [["https://auth.test/mcp"]]),
        (USER, {"https://auth.test/mcp": True}),
        (USER, None),
        (API, "https://auth.test/api"),
        (API, ["https://auth.test/mcp"]),
        (API, "authenticated-not"),
        (API, "Authenticated"),
        (API, "anon"),
        (API, []),
        (API, [{}]),
        (API, None),
    ],
)
def test_session_for_something_else_is_rejected(resource: Resource, audience: object) -> None:
    rejected = Rejection(ReasonCode.SUPABASE_AUDIENCE, "The access token is for another resource.")
    assert session_token.check(make_claims(aud=audience), resource) == rejected


@pytest.mark.parametrize("audience", ["authenticated", "https://auth.test/mcp-admin", ["https://auth.test/mcp-admin"]])
def test_admin_server_takes_no_session_at_all(audience: object) -> None:
    rejected = Rejection(ReasonCode.SUPABASE_TOKEN_REFUSED, "This resource takes no tokens of Supabase Auth.")
    assert session_token.check(make_claims(aud=audience), ADMIN) == rejected


NOT_A_PERSON = [
    # F-10
    ({"role": "service_role"}, "supabase_role"),
    ({"role": "anon"}, "supabase_role"),
    ({"role": "supabase_admin"}, "supabase_role"),
    ({"role": None}, "supabase_role"),
    ({"role": ["authenticated"]}, "supabase_role"),
    ({"is_anonymous": True}, "supabase_anonymous"),
    ({"is_anonymous": None}, "supabase_anonymous"),
    ({"is_anonymous": 0}, "supabase_anonymous"),
    ({"is_anonymous": "false"}, "supabase_anonymous"),
    ({"client_id": "3f2b8c1e-0000-4000-8000-000000000000"}, "supabase_third_party_client"),
    ({"client_id": ""}, "supabase_third_party_client"),
    ({"client_id": None}, "supabase_third_party_client"),
    ({"sub": None}, "supabase_session_missing"),
    ({"sub": ""}, "supabase_session_missing"),
    ({"sub": 1}, "supabase_session_missing"),
    ({"session_id": None}, "supabase_session_missing"),
    ({"session_id": ""}, "supabase_session_missing"),
    ({"session_id": 1}, "supabase_session_missing"),
    ({"iat": None}, "iat_missing"),
]


@pytest.mark.parametrize(("resource", "audience"), [(API, "authenticated"), (USER, [USER_AUDIENCE])])
@pytest.mark.parametrize(("changes", "reason"), NOT_A_PERSON)
def test_token_that_is_not_a_persons_own_session_is_rejected_and_says_why(
    resource: Resource, audience: object, changes: dict[str, object], reason: str
) -> None:
    rejected = session_token.check(make_claims(**{"aud": audience, **changes}), resource)
    assert isinstance(rejected, Rejection)
    assert rejected.reason == reason
    # D-9, STD-74: told without anything of the token, in characters that fit into a challenge.
    assert rejected.description.isascii()
    assert '"' not in rejected.description
    assert "subject_1" not in rejected.description


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("aud", "supabase_audience"),
        ("role", "supabase_role"),
        ("is_anonymous", "supabase_anonymous"),
        ("sub", "supabase_session_missing"),
        ("session_id", "supabase_session_missing"),
        ("iat", "iat_missing"),
    ],
)
def test_token_without_a_claim_that_sessions_have_is_rejected(name: str, reason: str) -> None:
    rejected = session_token.check(without(make_claims(), name), API)
    assert isinstance(rejected, Rejection)
    assert rejected.reason == reason


# The legacy keys of a project are JWTs as well.
@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_project_key_is_not_a_person(role: str) -> None:
    key = {"iss": "supabase", "ref": "project", "role": role, "iat": ISSUED_AT, "exp": ISSUED_AT + 3600}
    assert isinstance(session_token.check(key, API), Rejection)
    assert isinstance(session_token.check({**key, "aud": "authenticated"}, API), Rejection)


# F-1: people write their user_metadata themselves.
def test_what_people_write_about_themselves_decides_nothing() -> None:
    written = {"role": "service_role", "is_anonymous": True, "aal": "aal2", "sub": "somebody", "client_id": "x"}
    session = session_token.check(make_claims(user_metadata=written, app_metadata=written), API)
    assert session == session_token.check(make_claims(), API)


@pytest.mark.parametrize("aal", [None, 2, ["aal2"], True])
def test_assurance_level_that_is_no_text_is_the_lowest(aal: object) -> None:
    session = session_token.check(make_claims(aal=aal), API)
    assert isinstance(session, SessionToken)
    assert session.acr == "aal1"
