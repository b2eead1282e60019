"""Clients at the endpoints for programs: who they are, and who they are not."""

from base64 import b64encode

import httpx
import pytest

from tests.support.gateway import Gateway

FORM = {"grant_type": "refresh_token", "refresh_token": "rt_x", "token": "x"}


# STD-47: of two Authorization headers one is for somebody else in front of us.
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect", "/par"])
def test_two_authorization_headers_are_two_ways_and_none_counts(sqlite_gateway: Gateway, path: str) -> None:
    client = sqlite_gateway.registered(token_endpoint_auth_method="client_secret_basic")
    right, wrong = (
        ("Authorization", f"Basic {b64encode(f'{client.client_id}:{secret}'.encode()).decode()}")
        for secret in (client.client_secret, "cs_wrong")
    )
    for headers in ([right, wrong], [wrong, right], [right, right]):
        refused = httpx.post(f"{client.node}{path}", data=FORM, headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
