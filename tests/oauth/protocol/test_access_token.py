import secrets
from datetime import timedelta

import pytest

from oauth.foundation.vocabulary import ClientId, GrantId, ResourceIndicator, Subject
from oauth.protocol import access_token
from oauth.protocol.access_token import AccessToken
from tests.support.builders import NOW, make_grant, scopes

ISSUED_AT = 1782907200  # 2026-07-01T12:00:00Z


def make_claims(**changes: object) -> dict[str, object]:
    valid = access_token.claims(
        make_grant(), scopes("mcp:read mcp:write"), "0.t", "https://auth.test", NOW, timedelta(minutes=30)
    )
    return {**valid, **changes}


# D-5, STD-151, STD-152, STD-155. Never email, phone or role.
def test_claims_are_those_of_rfc_9068_and_the_grant() -> None:
    assert make_claims() == {
        "iss": "https://auth.test",
        "sub": "subject_1",
        "aud": "https://auth.test/mcp",
        "client_id": "client_1",
        "scope": "mcp:read mcp:write",
        "iat": ISSUED_AT,
        "exp": ISSUED_AT + 1800,
        "jti": "0.t",
        "gid": "grant_1",
        "auth_time": ISSUED_AT - 300,
        "acr": "aal2",
    }


def test_offline_access_is_no_scope_of_an_access_token() -> None:
    scope = scopes("mcp:read offline_access")
    claims = access_token.claims(make_grant(), scope, "0.t", "https://auth.test", NOW, timedelta(minutes=30))
    assert claims["scope"] == "mcp:read"


# D-8: narrowing at refresh narrows this token, and the grant's own scope does not come back.
def test_scope_is_that_of_the_token_and_not_of_the_grant() -> None:
    claims = access_token.claims(
        make_grant(scope="mcp:read mcp:write"),
        scopes("mcp:read"),
        "0.t",
        "https://auth.test",
        NOW,
        timedelta(minutes=30),
    )
    assert claims["scope"] == "mcp:read"


def test_what_was_minted_is_read_back() -> None:
    assert access_token.read(make_claims()) == AccessToken(
        subject=Subject("subject_1"),
        audience=ResourceIndicator("https://auth.test/mcp"),
        client_id=ClientId("client_1"),
        scope=scopes("mcp:read mcp:write"),
        token_id="0.t",
        grant_id=GrantId("grant_1"),
        issued_at=ISSUED_AT,
        expires_at=ISSUED_AT + 1800,
        acr="aal2",
        is_of_machine=False,
    )


def test_token_without_scope_has_none() -> None:
    read = access_token.read(make_claims(scope=""))
    assert isinstance(read, AccessToken)
    assert read.scope == frozenset()


def test_claims_that_nobody_asked_for_are_ignored() -> None:
    assert access_token.read(make_claims(role="admin", act={"sub": "x"})) == access_token.read(make_claims())


# D-10: required claims present and of the right type; `aud` is exactly one.
@pytest.mark.parametrize("name", ["iss", "sub", "aud", "client_id", "scope", "jti", "gid", "acr"])
@pytest.mark.parametrize("value", [None, 1, True, [], ["https://auth.test/mcp"], {}])
def test_text_claim_of_another_type_is_named(name: str, value: object) -> None:
    assert access_token.read(make_claims(**{name: value})) == name


@pytest.mark.parametrize("name", ["iat", "exp", "auth_time"])
@pytest.mark.parametrize("value", [None, "1782907200", True, 1.5, float("inf"), [], {}])
def test_time_claim_of_another_type_is_named(name: str, value: object) -> None:
    assert access_token.read(make_claims(**{name: value})) == name


@pytest.mark.parametrize(
    "name", ["iss", "sub", "aud", "client_id", "scope", "jti", "gid", "acr", "iat", "exp", "auth_time"]
)
def test_missing_claim_is_named(name: str) -> None:
    claims = make_claims()
    del claims[name]
    assert access_token.read(claims) == name


# D-8: the jti says with which refresh token an access token was minted.
@pytest.mark.parametrize("generation", [0, 1, 42])
def test_token_id_tells_its_generation(generation: int) -> None:
    assert access_token.generation_of(access_token.new_token_id(generation, secrets.token_bytes)) == generation


@pytest.mark.parametrize("token_id", ["", "1", ".x", "a.x", "-1.x", "1_0.x", " 1.x", "².", "٣.x", "1e3.x"])
def test_token_id_of_another_make_tells_none(token_id: str) -> None:
    assert access_token.generation_of(token_id) is None


# STD-151
def test_ten_thousand_token_ids_are_all_different() -> None:
    assert len({access_token.new_token_id(0, secrets.token_bytes) for _ in range(10_000)}) == 10_000
