"""Pushed authorization requests (RFC 9126)."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from oauth.foundation.credentials import digest
from tests.support.clock import SettableClock
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient, answer_of


def pushed_url(client: RawClient, **beside: str) -> str:
    return client.pushed_url(client.push(), **beside)


# STD-177
def test_pushed_request_signs_in_like_any_other(gateway: Gateway) -> None:
    client = gateway.registered()
    answer = client.push()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    body = answer.json()
    assert body["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert 5 <= body["expires_in"] <= 600
    redirect = gateway.browser().connect(pushed_url(client), USER.email, USER.password)
    answered = answer_of(redirect)
    assert (answered["state"], answered["iss"]) == ("some-state", gateway.url)
    assert client.redeem(answered["code"]).status_code == 200


def test_what_stands_beside_the_reference_does_not_count(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    evil = {"redirect_uri": "https://evil.example/cb", "state": "other", "scope": "mcp:write"}
    redirect = sqlite_gateway.browser().connect(pushed_url(client, **evil), USER.email, USER.password)
    assert redirect.headers["location"].startswith(client.redirect_uri)
    assert answer_of(redirect)["state"] == "some-state"


# STD-178
def test_request_uri_is_good_once(gateway: Gateway) -> None:
    url = pushed_url(gateway.registered())
    assert gateway.browser().get(url).status_code == 200
    again = gateway.browser().get(url)
    assert again.status_code == 400
    assert "used or has expired" in again.text


# STD-178
def test_of_fifty_browsers_at_once_one_gets_in(gateway: Gateway) -> None:
    url = pushed_url(gateway.registered())
    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda _: httpx.get(url, timeout=20).status_code, range(50)))
    assert sorted(statuses) == [303] + [400] * 49


# STD-178
def test_another_client_cannot_use_it_and_does_not_spend_it(gateway: Gateway) -> None:
    owner, other = gateway.registered(), gateway.registered()
    url = pushed_url(owner)
    stolen = url.replace(owner.client_id, other.client_id)
    assert gateway.browser().get(stolen).status_code == 400
    assert gateway.browser().get(url).status_code == 200


def test_it_expires(gateway: Gateway, clock: SettableClock) -> None:
    url = pushed_url(gateway.registered())
    clock.advance(seconds=91)
    assert gateway.browser().get(url).status_code == 400
    assert gateway.store(lambda store: store.upkeep.sweep(clock(), 100)) >= 1


# STD-174, STD-175, STD-176
@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"redirect_uri": "https://evil.example/cb"}, 400, "invalid_request"),
        ({"code_challenge": None}, 400, "invalid_request"),
        ({"code_challenge_method": "plain"}, 400, "invalid_request"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"scope": "unknown"}, 400, "invalid_scope"),
        ({"resource": "https://evil.example/mcp"}, 400, "invalid_target"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
        ({"request": "eyJ.e30."}, 400, "invalid_request"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"client_id": "client_unknown"}, 401, "invalid_client"),
        ({"client_secret": "cs_x"}, 401, "invalid_client"),
    ],
)
def test_what_would_be_refused_at_the_browser_is_refused_at_once(
    sqlite_gateway: Gateway, changed: dict[str, str | None], status: int, error: str
) -> None:
    refused = sqlite_gateway.registered().push(**changed)
    assert (refused.status_code, refused.json()["error"]) == (status, error)


# STD-174
def test_client_with_a_secret_has_to_send_it_and_it_is_not_kept(gateway: Gateway) -> None:
    client = gateway.registered(token_endpoint_auth_method="client_secret_post")
    assert client.push(client_secret=None).json()["error"] == "invalid_client"
    secret = client.push().json()["request_uri"].rpartition(":")[2]
    kept = gateway.store(lambda store: store.requests.get_pushed(digest(secret), client.client_id, gateway.clock()))  # type: ignore[arg-type]
    assert kept is not None
    assert "code_challenge=" in kept.query
    assert "client_secret" not in kept.query


# STD-179
def test_it_is_posted_as_a_form_of_bearable_size(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    assert httpx.get(f"{sqlite_gateway.url}/par").status_code == 405
    assert client.push(state="x" * 70_000).status_code == 413
    as_json = httpx.post(f"{sqlite_gateway.url}/par", json={"client_id": client.client_id})
    assert as_json.json()["error"] == "invalid_request"


# STD-180
def test_client_that_asked_for_it_cannot_come_without(gateway: Gateway) -> None:
    client = gateway.registered(require_pushed_authorization_requests=True)
    refused = gateway.browser().get(client.authorization_url())
    assert refused.status_code == 400
    assert "has to push its authorization requests" in refused.text
    redirect = gateway.browser().connect(pushed_url(client), USER.email, USER.password)
    assert client.redeem(answer_of(redirect)["code"]).status_code == 200


def test_foreign_reference_is_refused(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    for uri in ("urn:x", "https://evil.example/request", "urn:ietf:params:oauth:request_uri:", "urn:ietf"):
        page = sqlite_gateway.browser().get(client.authorization_url(request_uri=uri))
        assert page.status_code == 400
        assert "location" not in page.headers


def test_page_of_a_pushed_request_that_expired_offers_no_way_to_begin_again_here(
    gateway: Gateway, clock: SettableClock
) -> None:
    browser = gateway.browser()
    page = browser.get(pushed_url(gateway.registered()))
    clock.advance(minutes=11)
    expired = browser.get(str(page.url))
    assert "has expired" in expired.text
    assert "/authorize" not in expired.text


def test_client_that_was_removed_takes_its_requests_with_it(gateway: Gateway) -> None:
    client = gateway.client()
    registered = client.register().json()
    url = pushed_url(client)
    headers = {"Authorization": f"Bearer {registered['registration_access_token']}"}
    assert httpx.delete(registered["registration_client_uri"], headers=headers).status_code == 204
    assert "not registered here" in gateway.browser().get(url).text


def test_it_works_across_nodes(gateway: Gateway, supabase: RunningSupabase, clock: SettableClock) -> None:
    client = gateway.registered()
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as other:
        elsewhere = gateway.client_at(other.listens_at)
        elsewhere.client_id, elsewhere.verifier = client.client_id, client.verifier
        redirect = gateway.browser().connect(pushed_url(elsewhere), USER.email, USER.password)
        assert client.redeem(answer_of(redirect)["code"]).status_code == 200
