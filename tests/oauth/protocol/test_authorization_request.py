import pytest

from oauth.protocol import authorization_request
from oauth.protocol.authorization_request import ValidatedRequest
from oauth.protocol.models import GrantType
from oauth.protocol.resources import Resource
from tests.support.builders import ADMIN, CHALLENGE, RESOURCES, USER, make_client, refused, scopes


def validated(registered_scope: str = "", /, **changes: str | None) -> object:
    """A valid request of a registered client, with parameters changed, added, or left out with None."""
    valid = {
        "response_type": "code",
        "client_id": "client_1",
        "redirect_uri": "https://app.example/cb",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "scope": "mcp:read mcp:write",
        "resource": "https://auth.test/mcp",
        "state": "s",
    }
    parameters = {name: value for name, value in {**valid, **changes}.items() if value is not None}
    return authorization_request.validate(parameters, make_client(scope=registered_scope), RESOURCES)


def test_valid_request_asks_for_a_resource_and_its_scopes_under_a_challenge() -> None:
    assert validated() == ValidatedRequest(USER, scopes("mcp:read mcp:write"), CHALLENGE)


# STD-49: unknown parameters are ignored.
@pytest.mark.parametrize("name", ["foo", "prompt", "nonce", "max_age", "login_hint"])
def test_parameters_that_nobody_knows_change_nothing(name: str) -> None:
    assert validated(**{name: "x"}) == validated()


# D-4: without a resource the user MCP server is meant, without a scope what it needs at least.
@pytest.mark.parametrize(
    ("changes", "resource", "scope"),
    [
        ({"resource": None}, USER, "mcp:read mcp:write"),
        ({"resource": None, "scope": None}, USER, "mcp:read"),
        ({"resource": "HTTPS://AUTH.TEST/mcp/"}, USER, "mcp:read mcp:write"),
        ({"resource": "https://auth.test/mcp-admin", "scope": None}, ADMIN, "mcp:admin"),
        ({"resource": "https://auth.test/mcp-admin", "scope": "mcp:read mcp:admin"}, ADMIN, "mcp:admin"),
        ({"scope": "mcp:read offline_access"}, USER, "mcp:read offline_access"),
        ({"response_mode": "query"}, USER, "mcp:read mcp:write"),
    ],
)
def test_request_that_says_less_asks_for_the_defaults(
    changes: dict[str, str | None], resource: Resource, scope: str
) -> None:
    assert validated(**changes) == ValidatedRequest(resource, scopes(scope), CHALLENGE)


# F-25: what was registered is used where nothing is asked, and stands in nobody's way.
def test_registered_scope_is_a_default_and_no_ceiling() -> None:
    assert validated("mcp:write", scope=None) == ValidatedRequest(USER, scopes("mcp:write"), CHALLENGE)
    assert validated("mcp:read") == ValidatedRequest(USER, scopes("mcp:read mcp:write"), CHALLENGE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"response_type": None}, ("invalid_request", "response_type_missing")),
        # STD-86
        ({"response_type": "token"}, ("unsupported_response_type", "unsupported_response_type")),
        ({"response_type": "code token"}, ("unsupported_response_type", "unsupported_response_type")),
        ({"response_type": "id_token"}, ("unsupported_response_type", "unsupported_response_type")),
        ({"response_type": "CODE"}, ("unsupported_response_type", "unsupported_response_type")),
        # STD-106: only what the metadata offers.
        ({"response_mode": "fragment"}, ("invalid_request", "response_mode")),
        ({"response_mode": "form_post"}, ("invalid_request", "response_mode")),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, ("invalid_request", "request_object")),
        ({"request_uri": "https://evil.example/request"}, ("invalid_request", "request_object")),
        # STD-57, STD-171, F-9
        ({"code_challenge": None}, ("invalid_request", "code_challenge_missing")),
        ({"code_challenge_method": None}, ("invalid_request", "code_challenge_method")),
        ({"code_challenge_method": "plain"}, ("invalid_request", "code_challenge_method")),
        ({"code_challenge": "short"}, ("invalid_request", "code_challenge_malformed")),
        # STD-119, STD-122
        ({"resource": "mcp"}, ("invalid_target", "resource_malformed")),
        ({"resource": "https://auth.test/other"}, ("invalid_target", "unknown_resource")),
        ({"scope": "mcp:everything"}, ("invalid_scope", "unknown_scope")),
        ({"scope": "a  b"}, ("invalid_scope", "scope_malformed")),
        ({"scope": "mcp:admin"}, ("invalid_scope", "foreign_scope")),
    ],
)
def test_request_that_asks_for_something_else_is_refused(
    changes: dict[str, str | None], expected: tuple[str, str]
) -> None:
    assert refused(validated(**changes)) == expected


def test_client_that_did_not_register_for_codes_gets_none() -> None:
    client = make_client(grant_types=frozenset({GrantType.REFRESH_TOKEN}))
    outcome = authorization_request.validate({"response_type": "code"}, client, RESOURCES)
    assert refused(outcome) == ("unauthorized_client", "grant_type_not_registered")
