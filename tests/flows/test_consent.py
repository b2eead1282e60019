"""The pages between the authorization request and its answer: Deny, Back, reload, double clicks, foreign browsers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import ClientId, Subject
from oauth.stores.ports import Store
from tests.support.browser import forms
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, AGENT, USER, Gateway
from tests.support.raw_client import answer_of, claims_of


# F-4, F-18
def test_deny_is_told_to_the_client_with_state_and_issuer(gateway: Gateway) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    answer = answer_of(browser.decide(consent, "deny"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "some-state"
    assert answer["iss"] == gateway.url
    assert "code" not in answer


# F-4
def test_consent_page_names_client_host_resource_scopes_and_account(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered(client_name="Tom & <b>Jerry</b>")
    browser = sqlite_gateway.browser()
    url = client.authorization_url(scope="mcp:read mcp:write offline_access")
    consent = browser.sign_in(browser.get(url), USER.email, USER.password).text
    assert "Tom &amp; &lt;b&gt;Jerry&lt;/b&gt; wants access" in consent
    assert "nobody has checked it" in consent
    assert "127.0.0.1" in consent
    assert "a program on this device" in consent
    assert USER.email in consent
    assert "use tools that only read" in consent
    assert "tools that write" in consent
    assert "Stay connected" in consent


def test_double_click_on_allow_makes_one_grant_and_one_answer(gateway: Gateway) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    with ThreadPoolExecutor(8) as pool:
        redirects = list(pool.map(lambda _: browser.decide(consent), range(8)))
    codes = {answer_of(redirect)["code"] for redirect in redirects}
    assert len(codes) == 1
    assert client.redeem(codes.pop()).status_code == 200


def test_click_after_the_code_was_used_does_not_replay_it(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    tokens = client.redeem(answer_of(browser.decide(consent))["code"]).json()
    clock.advance(seconds=10)
    again = browser.decide(consent)
    assert again.status_code == 200
    assert "already answered" in again.text
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_deny_after_allow_ends_what_was_allowed(gateway: Gateway) -> None:
    client = gateway.registered()
    browser = gateway.browser()
    consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    code = answer_of(browser.decide(consent))["code"]
    assert answer_of(browser.decide(consent, "deny"))["error"] == "access_denied"
    refused = client.redeem(code)
    assert refused.status_code == 400
    assert refused.json()["error"] == "invalid_grant"


def test_allow_after_deny_starts_nothing_and_says_so(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    browser.decide(consent, "deny")
    again = browser.decide(consent)
    assert again.status_code == 200
    assert "already answered" in again.text


def test_reloading_a_page_shows_it_again(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    sign_in = browser.get(client.authorization_url())
    assert browser.get(str(sign_in.url)).text == sign_in.text
    consent = browser.sign_in(sign_in, USER.email, USER.password)
    assert browser.get(str(consent.url)).text == consent.text


# F-4
def test_page_of_another_browser_is_refused_and_says_why(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    victim, thief = sqlite_gateway.browser(), sqlite_gateway.browser()
    sign_in = victim.get(client.authorization_url())
    thief.get(client.authorization_url())
    stolen = thief.get(str(sign_in.url))
    assert stolen.status_code == 403
    assert "another browser" in stolen.text
    assert not forms(stolen)
    posted = thief.submit(sign_in, "/signin", email=USER.email, password=USER.password)
    assert posted.status_code == 403


# F-4
def test_form_without_its_token_is_refused(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    consent = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    forged = browser.submit(consent, "/consent", decision="allow", csrf="x" * 43)
    assert forged.status_code == 403
    assert browser.submit(consent, "/consent", decision="allow", csrf="").status_code == 403


def test_expired_page_says_so_and_offers_to_start_again(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    sign_in = browser.get(client.authorization_url())
    sqlite_gateway.clock.advance(minutes=11)
    late = browser.sign_in(sign_in, USER.email, USER.password)
    assert late.status_code == 400
    assert "expired" in late.text
    assert "Start again" in late.text
    again = browser.get(client.authorization_url())
    assert "code" in answer_of(browser.decide(browser.sign_in(again, USER.email, USER.password)))


def test_unknown_handle_says_to_start_from_the_app(sqlite_gateway: Gateway) -> None:
    page = sqlite_gateway.browser().get("/consent?request=ar_unknown")
    assert page.status_code == 400
    assert "start again" in page.text
    page = sqlite_gateway.browser().get("/signin")
    assert page.status_code == 400
    assert "Nothing to sign in to" in page.text


@pytest.mark.parametrize(
    ("email", "password", "told"),
    [
        ("user@example.com", "not-it-at-all", "Email or password is wrong."),
        ("nobody@example.com", "password-user", "Email or password is wrong."),
        ("", "password-user", "Enter your email address."),
        ("user@example.com", "", "Enter your password."),
        ("not an address", "not-it-at-all", "This is not an email address or phone number."),
        ("user@example.com", "x" * 1025, "This password is too long."),
        ("ü@example.com", "pässwörd", "Email or password is wrong."),
    ],
)
def test_failed_sign_in_keeps_the_email_and_says_what_is_wrong(
    sqlite_gateway: Gateway, email: str, password: str, told: str
) -> None:
    browser = sqlite_gateway.browser()
    page = browser.sign_in(browser.get(sqlite_gateway.registered().authorization_url()), email, password)
    assert page.status_code == 400
    assert told in page.text
    assert f'value="{email}"' in page.text
    assert password == "" or password not in page.text


# F-17
def test_person_without_the_role_cannot_obtain_the_admin_audience(gateway: Gateway) -> None:
    client = gateway.registered()
    admin = {"resource": f"{gateway.url}/mcp-admin", "scope": "mcp:admin"}
    browser = gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url(**admin)), USER.email, USER.password)
    assert page.status_code == 403
    assert "does not have the role" in page.text
    assert browser.submit(page, "/consent", decision="allow").status_code == 403
    assert answer_of(browser.decide(page, "deny"))["error"] == "access_denied"
    for account in (AGENT, ADMIN):
        tokens = gateway.tokens(client, account, **admin)
        called = client.call_tool(tokens["access_token"], "admin_system_status", "/mcp-admin")
        assert called.status_code == 200
        assert called.json()["result"]["structuredContent"]["ok"] is True
        assert client.call_tool(tokens["access_token"], "whoami", "/mcp").status_code == 401


def test_session_ends_after_its_lifetime(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    browser.connect(client.authorization_url(), USER.email, USER.password)
    sqlite_gateway.clock.advance(hours=8)
    assert any(form.action == "/signin" for form in forms(browser.get(client.authorization_url())))


# SEED-51, P-14
def test_pages_cannot_be_framed_cached_or_scripted(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    browser = sqlite_gateway.browser()
    sign_in = browser.get(client.authorization_url())
    consent = browser.sign_in(sign_in, USER.email, USER.password)
    for page in (sign_in, consent):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in page.headers
        assert "<script" not in page.text
    code = browser.submit(browser.submit(consent, "/signout"), "/signin", to="/signin/code", email=USER.email)
    assert "form-action 'self'" in code.headers["content-security-policy"]
    for page in (sign_in, consent):  # their forms lead to other sites (P-14)
        assert "form-action" not in page.headers["content-security-policy"]


def test_cookies_are_strict_and_carry_the_host_prefix_on_https(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    response = client.http.get(client.authorization_url())
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("mcp_auth_browser=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_authorize_is_repeatable(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    for _ in range(5):
        assert client.http.get(client.authorization_url()).status_code == 303


# RFC 9126 §4: a preview of the link must not use it up.
@pytest.mark.parametrize("path", ["/authorize", "/signin", "/consent", "/signin/code", "/signin/factor"])
def test_pages_are_not_for_head(sqlite_gateway: Gateway, path: str) -> None:
    answer = sqlite_gateway.client().http.head(sqlite_gateway.url + path)
    assert (answer.status_code, answer.headers["allow"]) in {(405, "GET"), (405, "GET, POST")}


def test_abandoned_pages_are_swept_away(gateway: Gateway, clock: SettableClock) -> None:
    client = gateway.registered()
    request = digest(str(client.http.get(client.authorization_url()).headers["location"]).partition("=")[2])
    clock.advance(days=2)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert gateway.store(lambda store: store.requests.get(request)) is None
    assert gateway.store(lambda store: store.clients.get(ClientId(client.client_id))) is None


# -- people who do several things at once, and those who would rather be somebody else


# D-21: "Account" on the page is whose access is given, whatever happens in other windows.
def test_yes_is_of_the_account_that_the_page_named(sqlite_gateway: Gateway) -> None:
    client, browser = sqlite_gateway.registered(), sqlite_gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    assert USER.email in page.text
    elsewhere = browser.submit(browser.get(client.authorization_url(state="another window")), "/signout")
    browser.sign_in(elsewhere, ADMIN.email, ADMIN.password)
    asked_again = browser.decide(page)
    assert "wants access" in asked_again.text
    assert (USER.email in asked_again.text, ADMIN.email in asked_again.text) == (False, True)
    tokens = client.redeem(answer_of(browser.decide(asked_again))["code"]).json()
    assert claims_of(tokens["access_token"])["sub"] == Subject(ADMIN.id)


def test_no_is_taken_from_whoever_is_signed_in(sqlite_gateway: Gateway) -> None:
    client, browser = sqlite_gateway.registered(), sqlite_gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    browser.submit(browser.get(client.authorization_url(state="another window")), "/signout")
    assert answer_of(browser.decide(page, "deny"))["error"] == "access_denied"


# A person who signs in again is still that person.
def test_page_outlives_a_new_sign_in_of_the_same_person(sqlite_gateway: Gateway) -> None:
    client, browser = sqlite_gateway.registered(), sqlite_gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    elsewhere = browser.submit(browser.get(client.authorization_url(state="another window")), "/signout")
    browser.sign_in(elsewhere, USER.email, USER.password)
    assert "code" in answer_of(browser.decide(page))


# F-4: what one form is for, it is for alone.
def test_form_of_one_request_answers_no_other(sqlite_gateway: Gateway) -> None:
    client, browser = sqlite_gateway.registered(), sqlite_gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url(scope="mcp:read")), USER.email, USER.password)
    more = browser.get(client.authorization_url(scope="mcp:write"))
    handle = next(form for form in forms(more) if form.action == "/consent").fields["request"]
    assert browser.submit(page, "/consent", decision="allow", request=handle).status_code == 403


def test_form_token_of_the_sign_in_page_is_no_yes(sqlite_gateway: Gateway) -> None:
    client, browser = sqlite_gateway.registered(), sqlite_gateway.browser()
    sign_in = browser.get(client.authorization_url())
    page = browser.sign_in(sign_in, USER.email, USER.password)
    token = next(form for form in forms(sign_in) if form.action == "/signin").fields["csrf"]
    asked_again = browser.submit(page, "/consent", decision="allow", csrf=token)
    assert asked_again.status_code == 200
    assert "wants access" in asked_again.text


# What the operator switches off is off for those, too, who have its page open.
def test_client_that_is_switched_off_meanwhile_gets_no_answer(sqlite_gateway: Gateway) -> None:
    client, browser = sqlite_gateway.registered(), sqlite_gateway.browser()
    page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)

    async def switch(store: Store, at: datetime | None) -> None:
        stored = await store.clients.get(ClientId(client.client_id))
        assert stored is not None
        await store.clients.put(replace(stored, disabled_at=at))

    sqlite_gateway.store(lambda store: switch(store, sqlite_gateway.clock()))
    for decision in ("allow", "deny"):
        refused = browser.decide(page, decision)
        assert refused.status_code == 403
        assert "switched off" in refused.text
    sqlite_gateway.store(lambda store: switch(store, None))
    assert "code" in answer_of(browser.decide(page))
