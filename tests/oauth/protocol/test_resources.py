import pytest

from oauth.foundation.vocabulary import Role
from oauth.protocol.resources import Resource, covers, effective_scopes
from tests.support.builders import ADMIN, API, RESOURCES, USER, scopes


# STD-4, STD-108, STD-109, STD-112, STD-16 (offline_access is the authorization server's), D-1, D-2, D-4
def test_document_of_a_resource_says_who_it_is_and_where_to_get_a_token() -> None:
    assert USER.document() == {
        "resource": "https://auth.test/mcp",
        "authorization_servers": ["https://auth.test"],
        "scopes_supported": ["mcp:read", "mcp:write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "RS256"],
        "dpop_bound_access_tokens_required": False,
        "resource_name": "Example",
    }


# P-6, F-22: each resource has a document of its own, at the path that its identifier gives.
@pytest.mark.parametrize(
    ("resource", "identifier", "url"),
    [
        (USER, "https://auth.test/mcp", "https://auth.test/.well-known/oauth-protected-resource/mcp"),
        (ADMIN, "https://auth.test/mcp-admin", "https://auth.test/.well-known/oauth-protected-resource/mcp-admin"),
        (API, "https://auth.test/api", "https://auth.test/.well-known/oauth-protected-resource/api"),
    ],
)
def test_document_stands_where_rfc_9728_puts_it(resource: Resource, identifier: str, url: str) -> None:
    assert resource.identifier == identifier
    assert resource.document_url == url
    assert resource.document()["resource"] == identifier


def test_first_resource_is_what_a_request_without_resource_means() -> None:
    assert RESOURCES.default is USER


@pytest.mark.parametrize("identifier", ["https://auth.test/mcp/", "https://auth.test", "mcp", ""])
def test_resource_is_known_by_its_identifier_exactly(identifier: str) -> None:
    assert RESOURCES.get("https://auth.test/mcp") is USER
    assert RESOURCES.get(identifier) is None


def test_authorization_server_knows_the_scopes_of_all_resources_and_offline_access() -> None:
    assert RESOURCES.scopes == {"mcp:read", "mcp:write", "mcp:admin", "api", "offline_access"}


# D-4, STD-15: writing implies reading, and nothing else implies anything.
@pytest.mark.parametrize(
    ("granted", "needed", "enough"),
    [
        ("mcp:read", "mcp:read", True),
        ("mcp:write", "mcp:read", True),
        ("mcp:write", "mcp:read mcp:write", True),
        ("mcp:read", "mcp:write", False),
        ("mcp:read", "mcp:read mcp:write", False),
        ("mcp:admin", "mcp:read", False),
        ("api", "mcp:read", False),
        ("", "mcp:read", False),
        ("", "", True),
    ],
)
def test_grant_covers_what_it_holds_and_what_that_implies(granted: str, needed: str, enough: bool) -> None:
    assert covers(scopes(granted), scopes(needed)) is enough


def test_effective_scopes_are_the_granted_and_the_implied_ones() -> None:
    assert effective_scopes(scopes("mcp:write api")) == {"mcp:write", "mcp:read", "api"}
    assert effective_scopes(scopes("mcp:read")) == {"mcp:read"}


# D-13, F-17
@pytest.mark.parametrize(
    ("resource", "role", "may"),
    [
        (USER, Role.USER, True),
        (USER, Role.AGENT, True),
        (USER, Role.ADMIN, True),
        (ADMIN, Role.USER, False),
        (ADMIN, Role.AGENT, True),
        (ADMIN, Role.ADMIN, True),
        (API, Role.USER, True),
    ],
)
def test_audience_is_obtained_only_in_a_role_that_may_have_it(resource: Resource, role: Role, may: bool) -> None:
    assert resource.admits(role) is may
