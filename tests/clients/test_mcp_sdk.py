"""The MCP SDK's OAuthClientProvider, in both protocol eras."""

from pathlib import Path

import pytest
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from tests.support.clock import SettableClock
from tests.support.document_server import document_server
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.person import Person

CALLBACK = "http://127.0.0.1:33418/callback"


class Storage:
    """What a client keeps."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def provider_of(gateway: Gateway, person: Person, storage: Storage, scope: str | None = None) -> OAuthClientProvider:
    async def answer() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=person.answer["code"], state=person.answer["state"], iss=person.answer["iss"]
        )

    metadata = OAuthClientMetadata(
        client_name="SDK client",
        redirect_uris=[AnyUrl(CALLBACK)],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
        scope=scope,
    )
    return OAuthClientProvider(f"{gateway.url}/mcp", metadata, storage, person.redirect_handler, answer)


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_client_discovers_registers_signs_in_calls_and_refreshes(
    gateway: Gateway, clock: SettableClock, mode: str
) -> None:
    person, storage = Person(gateway), Storage()
    provider = provider_of(gateway, person, storage)
    async with create_mcp_http_client(auth=provider) as http:
        transport = streamable_http_client(f"{gateway.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            result = await client.call_tool("whoami", {})
            assert result.structured_content is not None
            assert result.structured_content["data"]["resource"] == f"{gateway.url}/mcp"
            first = storage.tokens
            assert first is not None
            clock.advance(minutes=31)
            provider.context.token_expiry_time = 1  # its clock has moved on as well
            await client.call_tool("whoami", {})
    assert person.visits == 1
    assert storage.tokens is not None
    assert storage.tokens.refresh_token != first.refresh_token


async def test_confidential_client_authenticates_with_its_secret(gateway: Gateway) -> None:
    person, storage = Person(gateway), Storage()
    provider = provider_of(gateway, person, storage)
    provider.context.client_metadata.token_endpoint_auth_method = "client_secret_basic"
    async with (
        create_mcp_http_client(auth=provider) as http,
        Client(streamable_http_client(f"{gateway.url}/mcp", http_client=http)) as client,
    ):
        await client.call_tool("whoami", {})
    assert storage.client is not None
    assert storage.client.client_secret is not None


async def test_client_that_publishes_its_metadata_does_not_register(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, tmp_path: Path
) -> None:
    url = "https://app.test/oauth/client.json"
    with (
        document_server(tmp_path) as hosts,
        running_gateway(sqlite_url, supabase, clock, network=hosts.network(), dynamic_registration=False) as gateway,
    ):
        person, storage = Person(gateway), Storage()
        provider = provider_of(gateway, person, storage)
        provider.context.client_metadata_url = url
        metadata = provider.context.client_metadata.model_dump(mode="json", exclude_none=True)
        hosts.publish(url, {**metadata, "client_id": url})
        async with (
            create_mcp_http_client(auth=provider) as http,
            Client(streamable_http_client(f"{gateway.url}/mcp", http_client=http)) as client,
        ):
            await client.call_tool("whoami", {})
            clock.advance(minutes=31)
            provider.context.token_expiry_time = 1
            await client.call_tool("whoami", {})
        assert hosts.asked == [url]
    assert storage.client is not None
    assert storage.client.client_id == url
