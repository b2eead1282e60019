"""Clients at the endpoints for programs: who they are, and who they are not."""

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

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


# STD-46: what a busy client sends after a restart is no guessing, however much of it arrives at once.
def test_right_secret_that_many_requests_bring_at_once_is_one_guess(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    form = {**FORM, "client_id": client.client_id, "client_secret": str(client.client_secret)}
    with ThreadPoolExecutor(60) as pool:
        statuses = list(
            pool.map(lambda _: httpx.post(f"{client.node}/token", data=form, timeout=30).status_code, range(60))
        )
    assert statuses == [400] * 60  # nothing is wrong but the refresh token


def test_wrong_secrets_that_arrive_at_once_are_counted_one_by_one(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")

    def status(number: int) -> int:
        form = {**FORM, "client_id": client.client_id, "client_secret": f"cs_guess_{number}"}
        return httpx.post(f"{client.node}/token", data=form, timeout=30).status_code

    with ThreadPoolExecutor(30) as pool:
        statuses = sorted(pool.map(status, range(30)))
    assert statuses == [401] * 20 + [429] * 10
