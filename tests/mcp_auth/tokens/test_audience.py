import pytest

from mcp_auth.rejection import Rejection
from mcp_auth.tokens import audience
from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol import access_token
from oauth.protocol.access_token import AccessToken
from oauth.protocol.resources import Resource
from tests.support.builders import ADMIN, API, USER
from tests.support.tokens import make_access_claims


def make_token(audience: str) -> AccessToken:
    token = access_token.read(make_access_claims(aud=audience))
    assert isinstance(token, AccessToken)
    return token


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (USER, "https://auth.test/mcp"),
        (ADMIN, "https://auth.test/mcp-admin"),
        (API, "https://auth.test/api"),
    ],
)
def test_token_is_for_the_resource_that_it_names(resource: Resource, named: str) -> None:
    assert audience.check(make_token(named), resource) is None


# SEED-41, STD-9, STD-88, STD-163: the other servers' tokens, and everything that only looks alike.
@pytest.mark.parametrize(
    "named",
    [
        "https://auth.test/mcp-admin",
        "https://auth.test/api",
        "https://auth.test/mcp/",
        "https://auth.test/MCP",
        "HTTPS://auth.test/mcp",
        "https://auth.test",
        "https://auth.test/",
        "https://evil.example/mcp",
        "http://auth.test/mcp",
        "authenticated",
        "*",
        "",
    ],
)
def test_token_for_anything_else_is_rejected(named: str) -> None:
    foreign = Rejection(ReasonCode.WRONG_AUDIENCE, "The access token is for another resource.")
    assert audience.check(make_token(named), USER) == foreign
