import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.foundation.vocabulary import Scope
from oauth.protocol import scope
from oauth.protocol.resources import Resource
from tests.support.builders import ADMIN, API, RESOURCES, USER, refused, scopes

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
TOKEN_CHARACTERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"\\')
TOKENS = st.builds(Scope, st.text(TOKEN_CHARACTERS, min_size=1, max_size=12))


@given(st.frozensets(TOKENS, min_size=1))
def test_scopes_written_and_read_again_are_the_same(written: frozenset[Scope]) -> None:
    assert scope.parse(scope.to_text(written)) == written


def test_equal_scopes_are_equal_strings() -> None:
    assert scope.to_text(scopes("mcp:write api mcp:read")) == "api mcp:read mcp:write"
    assert scope.to_text(frozenset()) == ""


def test_scope_named_twice_is_one_scope() -> None:
    assert scope.parse("mcp:read mcp:read") == scopes("mcp:read")


@pytest.mark.parametrize(
    "text", ["", " ", " a", "a ", "a  b", "a\tb", "a\nb", "a\n", 'a"b', "a\\b", "é", "a\x7f", "a\x00", "a\u00a0b"]
)
def test_text_outside_the_grammar_is_invalid_scope(text: str) -> None:
    assert refused(scope.parse(text)) == ("invalid_scope", "scope_malformed")
    assert refused(scope.grantable(text, frozenset(), USER, RESOURCES)) == ("invalid_scope", "scope_malformed")
    assert refused(scope.narrow(text, scopes("mcp:read"))) == ("invalid_scope", "scope_malformed")


@pytest.mark.parametrize(
    ("requested", "registered", "expected"),
    [
        (None, "", "mcp:read"),
        (None, "mcp:write", "mcp:write"),
        (None, "mcp:read offline_access", "mcp:read offline_access"),
        (None, "mcp:admin", "mcp:read"),
        (None, "offline_access", "mcp:read offline_access"),
        ("mcp:write", "", "mcp:write"),
        ("mcp:read mcp:write offline_access", "", "mcp:read mcp:write offline_access"),
        ("offline_access", "", "mcp:read offline_access"),
        # Clients ask for all of scopes_supported.
        ("api mcp:admin mcp:read mcp:write offline_access", "", "mcp:read mcp:write offline_access"),
    ],
)
def test_what_can_be_granted_is_what_was_asked_as_far_as_it_belongs_to_the_resource(
    requested: str | None, registered: str, expected: str
) -> None:
    assert scope.grantable(requested, scopes(registered), USER, RESOURCES) == scopes(expected)


# D-19, F-25: the registered scope is a default; as a ceiling it would make step-up impossible.
def test_client_registered_for_less_may_ask_for_more() -> None:
    assert scope.grantable("mcp:write", scopes("mcp:read"), USER, RESOURCES) == scopes("mcp:write")


@pytest.mark.parametrize(
    ("requested", "reason"),
    [
        ("mcp:everything", "unknown_scope"),
        ("mcp:read mcp:everything", "unknown_scope"),
        ("MCP:READ", "unknown_scope"),
        ("*", "unknown_scope"),
        ("openid", "unknown_scope"),
        ("mcp:admin", "foreign_scope"),
        ("api offline_access", "foreign_scope"),
    ],
)
def test_scope_that_does_not_exist_or_belongs_elsewhere_is_invalid_scope(requested: str, reason: str) -> None:
    assert refused(scope.grantable(requested, frozenset(), USER, RESOURCES)) == ("invalid_scope", reason)


KNOWN = st.frozensets(st.sampled_from(sorted(RESOURCES.scopes)), min_size=1)


# F-17, STD-155: whatever is asked and registered, nothing of another resource gets in.
@given(st.none() | KNOWN.map(scope.to_text), KNOWN, st.sampled_from([USER, ADMIN, API]))
def test_nothing_is_granted_that_the_resource_does_not_have(
    requested: str | None, registered: frozenset[Scope], resource: Resource
) -> None:
    granted = scope.grantable(requested, registered, resource, RESOURCES)
    if isinstance(granted, frozenset):
        assert granted <= resource.scopes.keys() | {"offline_access"}
        assert granted - {"offline_access"}


# D-8, STD-67
@pytest.mark.parametrize(
    ("requested", "granted", "expected"),
    [
        (None, "mcp:read mcp:write", "mcp:read mcp:write"),
        ("mcp:read", "mcp:read mcp:write", "mcp:read"),
        ("mcp:read", "mcp:write", "mcp:read"),  # D-4: writing implies reading
        ("mcp:read mcp:write", "mcp:write", "mcp:read mcp:write"),
    ],
)
def test_refreshed_token_may_have_less(requested: str | None, granted: str, expected: str) -> None:
    assert scope.narrow(requested, scopes(granted)) == scopes(expected)


# STD-67
@pytest.mark.parametrize(
    ("requested", "granted"),
    [("mcp:write", "mcp:read"), ("mcp:read mcp:write", "mcp:read"), ("mcp:admin", "mcp:write"), ("x", "mcp:read")],
)
def test_refreshed_token_may_not_have_more(requested: str, granted: str) -> None:
    assert refused(scope.narrow(requested, scopes(granted))) == ("invalid_scope", "scope_widened")
