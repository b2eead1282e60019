"""ChatGPT's and Claude's callbacks are for those clients alone."""

import pytest

from oauth.protocol import reserved_redirects
from oauth.protocol.clients import known as known_clients
from oauth.protocol.errors import OAuthError

VENDORS = known_clients.load().vendors
CLAUDE = "https://claude.ai/api/mcp/auth_callback"
CLAUDE_COM = "https://claude.com/api/mcp/auth_callback"
CHATGPT = "https://chatgpt.com/connector_platform_oauth_redirect"
OF_A_CONNECTION = "https://chatgpt.com/connector/oauth/ab_C-9"


def check(*uris: str, publisher: str | None = None) -> OAuthError | None:
    return reserved_redirects.check(uris, publisher, VENDORS)


@pytest.mark.parametrize(
    "uris",
    [
        [CLAUDE],
        [CLAUDE, CLAUDE_COM],
        [CHATGPT],
        [OF_A_CONNECTION],
        [CHATGPT, OF_A_CONNECTION, "https://platform.openai.com/apps-manage/oauth"],
        ["https://app.example/cb", "http://127.0.0.1/cb"],
        ["https://claude.ai.evil.example/api/mcp/auth_callback"],
        ["com.example.app:/cb"],
    ],
)
def test_hosted_assistant_registers_with_its_callbacks_and_anybody_with_their_own(uris: list[str]) -> None:
    assert check(*uris) is None


@pytest.mark.parametrize(
    "uris",
    [
        [CLAUDE, "https://evil.example/cb"],
        ["http://127.0.0.1/cb", CLAUDE],
        [CLAUDE, CHATGPT],
        [CLAUDE, "com.evil.app:/cb"],
        ["https://claude.ai/other"],
        ["https://claude.ai/api/mcp/auth_callback/"],
        ["https://claude.ai/api/mcp/auth_callback?x=1"],
        ["https://claude.ai:8443/api/mcp/auth_callback"],
        ["https://chatgpt.com/connector/oauth/"],
        ["https://chatgpt.com/connector/oauth/a/b"],
        ["https://chatgpt.com/connector/oauth/a?b=c"],
        ["https://chatgpt.com/connector/oauth/.."],
        ["https://CLAUDE.ai/api/mcp/auth_callback"],
    ],
)
def test_nobody_borrows_the_name_of_a_hosted_assistant(uris: list[str]) -> None:
    refused = check(*uris)
    assert refused is not None
    assert (refused.code, refused.reason) == ("invalid_redirect_uri", "redirect_reserved")


def test_document_of_somebody_else_has_no_callback_of_a_vendor() -> None:
    assert check(CLAUDE, publisher="app.example") is not None
    assert check(CLAUDE, publisher="chatgpt.com") is not None
    assert check("https://app.example/cb", publisher="app.example") is None


def test_document_of_a_vendor_says_itself_what_its_callbacks_are() -> None:
    assert check(CLAUDE, "http://localhost/callback", publisher="claude.ai") is None
    assert check("https://claude.ai/new", publisher="claude.ai") is None
