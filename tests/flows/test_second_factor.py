"""Resources that demand a second factor: of whoever has one, or of everybody (RFC 9470)."""

from collections.abc import Iterator

import pytest

from oauth.foundation.vocabulary import Role
from servers.local_supabase.factors import totp
from tests.support.app_person import AppPerson
from tests.support.browser import Browser
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient, answer_of

TOO_WEAK = 'error="insufficient_user_authentication"'


def app_of(gateway: Gateway, account: object = ADMIN) -> AppPerson:
    person = AppPerson(gateway, account)
    gateway.close_later(person)
    return person


def admin_tokens(gateway: Gateway, client: RawClient) -> dict[str, str]:
    return gateway.tokens(client, ADMIN, resource=f"{gateway.url}/mcp-admin")


def sign_in_twice(gateway: Gateway, browser: Browser, client: RawClient, secret: str, resource: str) -> dict[str, str]:
    """With password and second factor. → the token response."""
    asked = {"resource": f"{gateway.url}{resource}"}
    page = browser.sign_in(browser.get(client.authorization_url(**asked)), ADMIN.email, ADMIN.password)
    page = browser.submit(page, "/signin/factor", code=totp(secret, gateway.clock().timestamp()))
    tokens: dict[str, str] = client.redeem(answer_of(browser.decide(page))["code"], **asked).json()
    return tokens


def test_administrator_who_enrols_a_factor_needs_it_within_a_minute(gateway: Gateway) -> None:
    client = gateway.registered()
    user, admin = gateway.tokens(client, ADMIN), admin_tokens(gateway, client)
    secret = app_of(gateway).enroll()
    gateway.clock.advance(seconds=61)
    refused = client.call_tool(admin["access_token"], path="/mcp-admin")
    assert refused.status_code == 401
    assert TOO_WEAK in refused.headers["www-authenticate"]
    assert 'acr_values="aal2"' in refused.headers["www-authenticate"]
    assert "resource_metadata=" in refused.headers["www-authenticate"]
    assert client.refresh(admin["refresh_token"]).json()["error"] == "invalid_grant"
    # What demands none of anybody goes on.
    assert client.call_tool(user["access_token"]).status_code == 200
    assert client.refresh(user["refresh_token"]).status_code == 200
    tokens = sign_in_twice(gateway, gateway.browser(), client, secret, "/mcp-admin")
    assert client.call_tool(tokens["access_token"], path="/mcp-admin").status_code == 200


def test_administrator_without_a_factor_needs_none(gateway: Gateway) -> None:
    client = gateway.registered()
    admin = admin_tokens(gateway, client)
    gateway.clock.advance(seconds=61)
    assert client.call_tool(admin["access_token"], path="/mcp-admin").status_code == 200
    assert client.refresh(admin["refresh_token"]).status_code == 200


# The browser was signed in before there was a factor.
def test_browser_that_was_signed_in_without_the_factor_is_asked_again(gateway: Gateway) -> None:
    client, browser = gateway.registered(), gateway.browser()
    assert browser.connect(client.authorization_url(), ADMIN.email, ADMIN.password).status_code == 303
    secret = app_of(gateway).enroll()
    gateway.clock.advance(seconds=61)
    assert 'name="password"' in browser.get(client.authorization_url()).text
    tokens = sign_in_twice(gateway, browser, client, secret, "/mcp")
    assert client.call_tool(tokens["access_token"]).status_code == 200
    assert "Allow" in browser.get(client.authorization_url()).text  # and from here on it is signed in


@pytest.fixture
def strict(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """A gateway that demands a second factor of everybody, at /mcp-admin and the API."""
    demanded = ("/mcp-admin", "/api")
    with running_gateway(sqlite_url, supabase, clock, second_factor_required=demanded) as running:
        running.set_role(ADMIN, Role.ADMIN)
        yield running


def test_person_without_a_factor_is_told_to_add_one(strict: Gateway) -> None:
    client, browser = strict.registered(), strict.browser()
    url = client.authorization_url(resource=f"{strict.url}/mcp-admin")
    page = browser.sign_in(browser.get(url), ADMIN.email, ADMIN.password)
    assert page.status_code == 403
    assert "has no second factor" in page.text
    assert answer_of(browser.submit(page, "/consent", decision="deny"))["error"] == "access_denied"


def test_resource_that_demands_a_factor_of_everybody_is_open_with_it(strict: Gateway) -> None:
    client = strict.registered()
    secret = app_of(strict).enroll()
    tokens = sign_in_twice(strict, strict.browser(), client, secret, "/mcp-admin")
    assert client.call_tool(tokens["access_token"], path="/mcp-admin").status_code == 200
    assert client.call_tool(strict.tokens(client)["access_token"]).status_code == 200  # /mcp demands none


# D-9: the least `aal` of Supabase's own tokens.
def test_api_that_demands_a_factor_takes_no_session_without_it(strict: Gateway) -> None:
    person = app_of(strict, USER)
    refused = person.get("/users/me")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "AAL2_REQUIRED")
    assert TOO_WEAK in refused.headers["www-authenticate"]
    person.enroll()
    assert person.get("/users/me").status_code == 200
