import pytest

from oauth.protocol import resource_indicator
from oauth.protocol.resources import Resource
from tests.support.builders import ADMIN, API, RESOURCES, USER, refused


# D-4, P-5, STD-17: upper-case scheme and host and one trailing slash are the same resource.
@pytest.mark.parametrize(
    ("indicator", "resource"),
    [
        (None, USER),
        ("https://auth.test/mcp", USER),
        ("https://auth.test/mcp/", USER),
        ("HTTPS://AUTH.TEST/mcp", USER),
        ("Https://Auth.Test/mcp/", USER),
        ("https://auth.test/mcp-admin", ADMIN),
        ("https://auth.test/api", API),
    ],
)
def test_resource_is_found_by_any_spelling_that_clients_use(indicator: str | None, resource: Resource) -> None:
    assert resource_indicator.resolve(indicator, RESOURCES) is resource


# STD-119
@pytest.mark.parametrize(
    "indicator",
    [
        "mcp",
        "/mcp",
        "//auth.test/mcp",
        "javascript:1",
        "urn:example:mcp",
        "https:///mcp",
        "https://auth.test/mcp#x",
        "https://auth.test/mcp#",
        "https://[auth.test/mcp",
    ],
)
def test_resource_that_is_no_absolute_uri_without_fragment_is_invalid_target(indicator: str) -> None:
    assert refused(resource_indicator.resolve(indicator, RESOURCES)) == ("invalid_target", "resource_malformed")


@pytest.mark.parametrize(
    "indicator",
    [
        "https://auth.test",
        "https://auth.test/",
        "https://auth.test/mcp//",
        "https://auth.test//mcp",
        "https://auth.test/MCP",
        "https://auth.test/mcp?x=1",
        "https://auth.test/mcp?",
        "https://auth.test/mcp/x",
        "https://auth.test/mcp%2dadmin",
        "https://auth.test/x/../mcp",
        "https://auth.test:443/mcp",
        "https://user@auth.test/mcp",
        "https://auth.test./mcp",
        "http://auth.test/mcp",
        "https://auth.test.evil.example/mcp",
        "https://evil.example/https://auth.test/mcp",
        " https://auth.test/mcp",
        "https://auth.test/mcp ",
        "https://auth.test/mcp https://auth.test/mcp-admin",
    ],
)
def test_resource_of_somebody_else_is_invalid_target(indicator: str) -> None:
    assert refused(resource_indicator.resolve(indicator, RESOURCES)) == ("invalid_target", "unknown_resource")


@pytest.mark.parametrize(
    "indicator", [None, "https://auth.test/mcp", "https://auth.test/mcp/", "HTTPS://AUTH.TEST/mcp"]
)
def test_token_request_may_repeat_the_granted_resource_or_leave_it_out(indicator: str | None) -> None:
    assert resource_indicator.check_granted(indicator, "https://auth.test/mcp") is None


# F-27, STD-122
@pytest.mark.parametrize("indicator", ["https://auth.test/mcp-admin", "https://auth.test/", "mcp", "https://[", "x#y"])
def test_token_request_cannot_change_the_resource(indicator: str) -> None:
    changed = resource_indicator.check_granted(indicator, "https://auth.test/mcp")
    assert refused(changed) == ("invalid_target", "resource_not_granted")
