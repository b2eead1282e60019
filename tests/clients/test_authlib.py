"""Authlib's AsyncOAuth2Client: no MCP in it, just OAuth 2.0 with PKCE."""

import httpx
from authlib.integrations.httpx_client import AsyncOAuth2Client

from tests.support.browser import NO_TLS
from tests.support.gateway import USER, Gateway
from tests.support.person import Person

CALLBACK = "http://127.0.0.1:33418/callback"


async def test_client_gets_a_token_refreshes_it_and_revokes_it(gateway: Gateway) -> None:
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        metadata = (await http.get(f"{gateway.url}/.well-known/oauth-authorization-server")).json()
        wanted = {"redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"]}
        registered = (await http.post(metadata["registration_endpoint"], json=wanted)).json()
    person = Person(gateway)
    async with AsyncOAuth2Client(
        client_id=registered["client_id"],
        client_secret=registered["client_secret"],
        token_endpoint_auth_method="client_secret_basic",
        redirect_uri=CALLBACK,
        scope="api",
        code_challenge_method="S256",
        token_endpoint=metadata["token_endpoint"],
    ) as client:
        verifier = "v" * 64
        resource = f"{gateway.url}/api"
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, resource=resource
        )
        answer = person.visit(url)
        await client.fetch_token(
            metadata["token_endpoint"], authorization_response=answer, code_verifier=verifier, resource=resource
        )
        me = await client.get(f"{gateway.url}/api/v1/users/me")
        assert me.json()["subject"] == USER.id

        old = client.token["refresh_token"]
        client.token["expires_at"] = 0
        assert (await client.get(f"{gateway.url}/api/v1/users/me")).status_code == 200
        assert client.token["refresh_token"] != old

        revoked = await client.revoke_token(metadata["revocation_endpoint"], token=client.token["refresh_token"])
        assert revoked.status_code == 200
        assert (await client.get(f"{gateway.url}/api/v1/users/me")).status_code == 401
