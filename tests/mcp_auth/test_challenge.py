from mcp_auth import challenge
from tests.support.builders import ADMIN, USER, scopes


# STD-5, STD-13, STD-73: where to get a token and what to ask for, and no error where nobody made one.
def test_request_without_a_token_is_told_where_to_get_one() -> None:
    assert challenge.bearer_challenge(USER) == (
        'Bearer resource_metadata="https://auth.test/.well-known/oauth-protected-resource/mcp", scope="mcp:read"'
    )


# P-6: each resource points to its own document.
def test_each_resource_asks_for_its_own() -> None:
    assert challenge.bearer_challenge(ADMIN) == (
        'Bearer resource_metadata="https://auth.test/.well-known/oauth-protected-resource/mcp-admin", scope="mcp:admin"'
    )


# D-15
def test_token_that_is_no_good_is_called_invalid() -> None:
    assert challenge.invalid_token_challenge(USER, "The access token has expired.") == (
        'Bearer resource_metadata="https://auth.test/.well-known/oauth-protected-resource/mcp", scope="mcp:read", '
        'error="invalid_token", error_description="The access token has expired."'
    )


# STD-14, P-9: all scopes of the operation at once.
def test_token_with_too_little_scope_is_told_all_that_is_needed() -> None:
    assert challenge.insufficient_scope_challenge(USER, scopes("mcp:write mcp:read"), "More scope is needed.") == (
        'Bearer error="insufficient_scope", scope="mcp:read mcp:write", '
        'resource_metadata="https://auth.test/.well-known/oauth-protected-resource/mcp", '
        'error_description="More scope is needed."'
    )


# STD-16
def test_offline_access_is_never_asked_for() -> None:
    for header in (
        challenge.bearer_challenge(USER),
        challenge.invalid_token_challenge(USER, "x"),
        challenge.insufficient_scope_challenge(USER, USER.baseline, "x"),
    ):
        assert "offline_access" not in header
