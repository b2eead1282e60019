import pytest

from oauth.foundation.vocabulary import ClientId
from oauth.protocol import token_request
from oauth.protocol.token_request import AuthorizationCodeRequest, RefreshTokenRequest
from tests.support.builders import refused

CLIENT = ClientId("client_1")


def test_code_request_is_read_as_it_was_sent() -> None:
    parameters = {
        "grant_type": "authorization_code",
        "code": "ac_1",
        "redirect_uri": "https://app.example/cb",
        "code_verifier": "v",
        "resource": "https://auth.test/mcp",
        "scope": "ignored",
        "client_id": "not this one",
    }
    assert token_request.parse(parameters, CLIENT) == AuthorizationCodeRequest(
        CLIENT, "ac_1", "https://app.example/cb", "v", "https://auth.test/mcp"
    )


# Whether a verifier may be missing is for the decision to say; here it is only read.
def test_code_request_may_be_bare() -> None:
    parsed = token_request.parse({"grant_type": "authorization_code", "code": "ac_1"}, CLIENT)
    assert parsed == AuthorizationCodeRequest(CLIENT, "ac_1", None, None, None)


def test_refresh_request_is_read_as_it_was_sent() -> None:
    parameters = {"grant_type": "refresh_token", "refresh_token": "rt_1", "scope": "a", "resource": "r", "foo": "x"}
    assert token_request.parse(parameters, CLIENT) == RefreshTokenRequest(CLIENT, "rt_1", "a", "r")
    bare = {"grant_type": "refresh_token", "refresh_token": "rt_1"}
    assert token_request.parse(bare, CLIENT) == RefreshTokenRequest(CLIENT, "rt_1", None, None)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ("invalid_request", "grant_type_missing")),
        ({"code": "ac_1"}, ("invalid_request", "grant_type_missing")),
        ({"grant_type": "authorization_code"}, ("invalid_request", "code_missing")),
        ({"grant_type": "authorization_code", "refresh_token": "rt_1"}, ("invalid_request", "code_missing")),
        ({"grant_type": "refresh_token"}, ("invalid_request", "refresh_token_missing")),
        ({"grant_type": "refresh_token", "code": "ac_1"}, ("invalid_request", "refresh_token_missing")),
    ],
)
def test_request_that_lacks_something_is_invalid_request(parameters: dict[str, str], expected: tuple[str, str]) -> None:
    assert refused(token_request.parse(parameters, CLIENT)) == expected


# STD-85, STD-106
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "AUTHORIZATION_CODE",
        "code",
    ],
)
def test_grant_type_that_is_not_offered_is_unsupported(grant_type: str) -> None:
    parameters = {"grant_type": grant_type, "code": "ac_1", "refresh_token": "rt_1", "username": "u", "password": "p"}
    assert refused(token_request.parse(parameters, CLIENT)) == ("unsupported_grant_type", "unsupported_grant_type")


# F-14
def test_secrets_do_not_show_when_a_request_is_printed() -> None:
    assert "hush" not in repr(AuthorizationCodeRequest(CLIENT, "hush", None, "hush", None))
    assert "hush" not in repr(RefreshTokenRequest(CLIENT, "hush", None, None))
