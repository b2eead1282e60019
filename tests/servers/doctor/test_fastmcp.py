"""A server that we did not write: FastMCP with its own authorization server in memory.

What it is told is true of it; what would be wrong with another version of it is for that version's tests."""

from collections.abc import Iterator

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions

from servers.doctor.findings import Level
from tests.support.doctor import agreeing, examine, of
from tests.support.live_server import bind, serving, with_lifespan

LOOPBACK_AT_ANY_PORT = ("claude-code", "codex", "gemini")


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    listening, url = bind()
    provider = InMemoryOAuthProvider(
        base_url=url,
        client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["read", "write"]),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=["read"],
    )
    server = FastMCP("Somebody else's", auth=provider)

    @server.tool(annotations={"readOnlyHint": True})
    def look() -> str:
        return "a view"

    with serving(with_lifespan(server.http_app(stateless_http=True)), listening):
        yield f"{url}/mcp"


async def test_fastmcp_in_memory_is_told_what_is_true_of_it(target: str) -> None:
    findings = await examine(target, person=agreeing())
    wrong = {(each.check, each.level, each.pitfall) for each in findings if each.level is not Level.OK}
    assert wrong == {
        ("redirects", Level.WARNING, "P-18"),  # /mcp/ to /mcp
        ("iss", Level.WARNING, ""),
        ("loopback_port", Level.FAULT, "P-7"),
        ("loopback_port", Level.WARNING, "P-7"),
        ("piling_up", Level.WARNING, "P-3"),
        ("step_up", Level.FAULT, "P-9"),  # what was registered is a limit
        ("cors", Level.WARNING, ""),
        ("foreign_resource", Level.WARNING, "P-12"),  # `resource` is ignored at /token
        ("refresh", Level.FAULT, "P-2"),  # rotation without grace
        ("revocation", Level.WARNING, ""),  # public clients have to send a secret
    }
    assert {each.clients for each in of(findings, "loopback_port")} == {LOOPBACK_AT_ANY_PORT, ("vscode",)}


async def test_fastmcp_is_called_in_both_eras_and_its_tool_is_served(target: str) -> None:
    findings = await examine(target, person=agreeing())
    assert [each.says for each in of(findings, "protocol")] == ["Served are 2025-06-18, 2025-11-25, 2026-07-28."]
    assert [each.level for each in of(findings, "call")] == [Level.OK]
    assert of(findings, "step_up")[-1].says == "Tools that only read are served with the scopes of the challenge: look."
