"""Every way to sign in that the Supabase project has switched on, and what keeps guessers away."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from servers.local_supabase.factors import totp
from tests.support.browser import NO_TLS, Browser, continue_as, forms, go_to_provider
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient, answer_of, claims_of

PHONE = "+919876543210"


@pytest.fixture
def browser(sqlite_gateway: Gateway) -> Iterator[Browser]:
    """A person's browser; afterwards the project is as it was."""
    yield sqlite_gateway.browser()
    sqlite_gateway.supabase.stand_in.switched_off.clear()
    sqlite_gateway.clock.advance(minutes=11)


def sign_in_page(gateway: Gateway, browser: Browser, client: RawClient | None = None) -> httpx.Response:
    return browser.get((client or gateway.registered()).authorization_url())


def ask_for_code(browser: Browser, page: httpx.Response, identifier: str) -> httpx.Response:
    return browser.submit(page, "/signin", to="/signin/code", email=identifier)


def message_to(gateway: Gateway, recipient: str) -> dict[str, str]:
    return dict(gateway.supabase.stand_in.messages[recipient])


def other_than(code: str) -> str:
    return "000000" if code != "000000" else "111111"


def is_consent(page: httpx.Response) -> bool:
    return any(form.action == "/consent" for form in forms(page))


def test_page_offers_what_the_project_has_switched_on(sqlite_gateway: Gateway, browser: Browser) -> None:
    page = sign_in_page(sqlite_gateway, browser)
    assert "Email or phone number" in page.text
    assert [name for form in forms(page) for name in form.choices] == [("provider", "github")]
    sqlite_gateway.supabase.stand_in.switched_off.update({"phone", "github"})
    sqlite_gateway.clock.advance(minutes=6)
    page = sign_in_page(sqlite_gateway, browser)
    assert "phone number" not in page.text
    assert "GitHub" not in page.text
    sqlite_gateway.supabase.stand_in.switched_off.add("email")
    sqlite_gateway.clock.advance(minutes=6)
    assert "No way of signing in is switched on" in sign_in_page(sqlite_gateway, browser).text
    sqlite_gateway.supabase.stand_in.switched_off.clear()
    sqlite_gateway.clock.advance(minutes=6)


def test_code_by_email_signs_in(sqlite_gateway: Gateway, browser: Browser) -> None:
    client = sqlite_gateway.registered()
    page = ask_for_code(browser, sign_in_page(sqlite_gateway, browser, client), f" {USER.email.upper()} ")
    assert "a code is on its way" in page.text
    code = message_to(sqlite_gateway, USER.email)["code"]
    wrong = browser.submit(page, "/signin/verify", code=other_than(code))
    assert wrong.status_code == 400
    assert "wrong or has expired" in wrong.text
    consent = browser.submit(wrong, "/signin/verify", code=f"{code[:3]} {code[3:]}")
    tokens = client.redeem(answer_of(browser.decide(consent))["code"]).json()
    assert claims_of(tokens["access_token"])["sub"] == USER.id


def test_another_code_can_be_sent_and_replaces_the_first(sqlite_gateway: Gateway, browser: Browser) -> None:
    page = ask_for_code(browser, sign_in_page(sqlite_gateway, browser), USER.email)
    first = message_to(sqlite_gateway, USER.email)["code"]
    page = browser.submit(page, "/signin/code")
    second = message_to(sqlite_gateway, USER.email)["code"]
    if first != second:
        assert browser.submit(page, "/signin/verify", code=first).status_code == 400
    assert is_consent(browser.submit(page, "/signin/verify", code=second))


@pytest.mark.parametrize("typed", ["98765 43210", "+91 98765-43210", "0091 9876543210", "09876543210"])
def test_code_by_phone_signs_in_however_the_number_is_written(
    sqlite_gateway: Gateway, browser: Browser, typed: str
) -> None:
    page = ask_for_code(browser, sign_in_page(sqlite_gateway, browser), typed)
    assert PHONE in page.text
    code = message_to(sqlite_gateway, PHONE.removeprefix("+"))["code"]
    assert PHONE in browser.submit(page, "/signin/verify", code=code).text


@pytest.mark.parametrize("typed", ["12345", "not an address", "a@b@c", "@", "98765432101234567890", "x" * 400])
def test_what_is_neither_address_nor_number_is_sent_nowhere(
    sqlite_gateway: Gateway, browser: Browser, typed: str
) -> None:
    before = sqlite_gateway.supabase.stand_in.requests["/otp"]
    page = ask_for_code(browser, sign_in_page(sqlite_gateway, browser), typed)
    assert page.status_code == 400
    assert "not an email address or phone number" in page.text
    assert sqlite_gateway.supabase.stand_in.requests["/otp"] == before


def test_answer_does_not_tell_whether_there_is_an_account(sqlite_gateway: Gateway, browser: Browser) -> None:
    sqlite_gateway.supabase.stand_in.switched_off.add("sign_up")
    sqlite_gateway.clock.advance(minutes=6)
    pages = {}
    for email in (USER.email, "nobody@example.com"):
        page = ask_for_code(browser, sign_in_page(sqlite_gateway, browser), email)
        pages[email] = (page.status_code, re.sub(r'value="[^"]*"|request=[^"]*', "", page.text).replace(email, ""))
    assert pages[USER.email] == pages["nobody@example.com"]
    assert "nobody@example.com" not in sqlite_gateway.supabase.stand_in.messages


def test_link_in_the_mail_works_in_the_browser_that_asked_for_it(sqlite_gateway: Gateway, browser: Browser) -> None:
    ask_for_code(browser, sign_in_page(sqlite_gateway, browser), USER.email)
    link = message_to(sqlite_gateway, USER.email)["link"]
    back = httpx.get(link, verify=NO_TLS).headers["location"]
    assert back.startswith(f"{sqlite_gateway.url}/signin/callback?code=")
    stranger = sqlite_gateway.browser().get(back)
    assert stranger.status_code == 400
    assert "did not begin in this browser" in stranger.text
    assert is_consent(browser.get(back))


def test_social_provider_signs_in_with_pkce(sqlite_gateway: Gateway, browser: Browser) -> None:
    client = sqlite_gateway.registered()
    url = go_to_provider(browser, sign_in_page(sqlite_gateway, browser, client))
    query = parse_qs(urlsplit(url).query)
    assert query["redirect_to"] == [f"{sqlite_gateway.url}/signin/callback"]
    assert query["code_challenge_method"] == ["s256"]
    back = continue_as(USER.id, url)
    consent = browser.get(back)
    tokens = client.redeem(answer_of(browser.decide(consent))["code"]).json()
    assert claims_of(tokens["access_token"])["sub"] == USER.id
    assert browser.get(back).status_code == 400  # the cookie is gone, and so is the code


def test_callback_of_another_persons_flow_signs_nobody_in(sqlite_gateway: Gateway, browser: Browser) -> None:
    back = continue_as(ADMIN.id, go_to_provider(browser, sign_in_page(sqlite_gateway, browser)))
    victim = sqlite_gateway.browser()
    go_to_provider(victim, sign_in_page(sqlite_gateway, victim))
    page = victim.get(back)
    assert page.status_code == 400
    assert not is_consent(page)
    assert ADMIN.email not in page.text


def test_provider_that_signs_nobody_in_leads_back_to_the_page(sqlite_gateway: Gateway, browser: Browser) -> None:
    go_to_provider(browser, sign_in_page(sqlite_gateway, browser))
    page = browser.get("/signin/callback?error=access_denied&error_description=%3Cb%3Epwned%3C/b%3E")
    assert page.status_code == 400
    assert "did not sign you in" in page.text
    assert "pwned" not in page.text
    assert is_consent(browser.sign_in(page, USER.email, USER.password))


def test_single_sign_on_by_the_domain_of_an_address(sqlite_gateway: Gateway, browser: Browser) -> None:
    sqlite_gateway.supabase.stand_in.sso_domains.add("corp.example")
    sqlite_gateway.clock.advance(minutes=6)
    page = sign_in_page(sqlite_gateway, browser)
    assert "single sign-on" in page.text
    unknown = browser.submit(page, "/signin/provider", domain="elsewhere.example")
    assert unknown.status_code == 400
    assert "no single sign-on for this domain" in unknown.text
    redirect = browser.submit(page, "/signin/provider", domain="Ada@Corp.Example")
    with httpx.Client(verify=NO_TLS) as http:
        (form,) = forms(http.get(redirect.headers["location"]))
        back = http.get(form.action, params={**form.fields, "code": USER.id}).headers["location"]
    assert is_consent(browser.get(back))
    sqlite_gateway.supabase.stand_in.sso_domains.clear()
    sqlite_gateway.clock.advance(minutes=6)


@pytest.mark.parametrize("provider", ["google", "", "github/../x", "email"])
def test_provider_that_is_not_switched_on_is_refused(sqlite_gateway: Gateway, browser: Browser, provider: str) -> None:
    page = browser.submit(sign_in_page(sqlite_gateway, browser), "/signin/provider", provider=provider)
    assert page.status_code == 400
    assert "switched off" in page.text


def with_second_factor(gateway: Gateway, email: str, phone: str | None = None) -> str:
    """An account with a verified authenticator app, and perhaps a telephone. → the app's secret."""
    supabase = gateway.supabase
    supabase.running.call(supabase.stand_in.create_user(email, "a-good-password"))
    with httpx.Client(base_url=f"{supabase.url}/auth/v1", verify=NO_TLS) as http:
        http.headers["apikey"] = supabase.stand_in.publishable_key
        body = {"email": email, "password": "a-good-password"}
        session = http.post("/token?grant_type=password", json=body).json()
        http.headers["Authorization"] = f"Bearer {session['access_token']}"
        factor = http.post("/factors", json={"factor_type": "totp", "friendly_name": "Telephone"}).json()
        challenge = http.post(f"/factors/{factor['id']}/challenge").json()
        secret: str = factor["totp"]["secret"]
        code = totp(secret, gateway.clock().timestamp())
        verified = http.post(f"/factors/{factor['id']}/verify", json={"challenge_id": challenge["id"], "code": code})
        assert verified.status_code == 200
        if phone is not None:
            http.headers["Authorization"] = f"Bearer {verified.json()['access_token']}"
            factor = http.post("/factors", json={"factor_type": "phone", "phone": phone}).json()
            challenge = http.post(f"/factors/{factor['id']}/challenge").json()
            body = {"challenge_id": challenge["id"], "code": message_to(gateway, phone.removeprefix("+"))["code"]}
            assert http.post(f"/factors/{factor['id']}/verify", json=body).status_code == 200
    return secret


def test_person_with_a_second_factor_is_asked_for_it(sqlite_gateway: Gateway, browser: Browser) -> None:
    secret = with_second_factor(sqlite_gateway, "two@example.com")
    client = sqlite_gateway.registered()
    page = browser.sign_in(sign_in_page(sqlite_gateway, browser, client), "two@example.com", "a-good-password")
    assert "authenticator app, Telephone" in page.text
    assert browser.get(client.authorization_url()).text.count("password") > 0  # nobody is signed in yet
    code = totp(secret, sqlite_gateway.clock().timestamp())
    wrong = browser.submit(page, "/signin/factor", code=other_than(code))
    assert wrong.status_code == 400
    consent = browser.submit(wrong, "/signin/factor", code=code)
    tokens = client.redeem(answer_of(browser.decide(consent))["code"]).json()
    assert claims_of(tokens["access_token"])["acr"] == "aal2"


def test_second_factor_is_asked_for_after_every_first_one(sqlite_gateway: Gateway, browser: Browser) -> None:
    secret = with_second_factor(sqlite_gateway, "three@example.com")
    page = ask_for_code(browser, sign_in_page(sqlite_gateway, browser), "three@example.com")
    page = browser.submit(page, "/signin/verify", code=message_to(sqlite_gateway, "three@example.com")["code"])
    assert not is_consent(page)
    code = totp(secret, sqlite_gateway.clock().timestamp())
    assert is_consent(browser.submit(page, "/signin/factor", code=code))


def test_telephone_as_a_second_factor_gets_its_code_when_it_is_chosen(
    sqlite_gateway: Gateway, browser: Browser
) -> None:
    secret = with_second_factor(sqlite_gateway, "five@example.com", phone="+919812345678")
    client = sqlite_gateway.registered()
    page = browser.sign_in(sign_in_page(sqlite_gateway, browser, client), "five@example.com", "a-good-password")
    app, phone = forms(page)
    sent = browser.http.post(f"{sqlite_gateway.url}/signin/factor", data=phone.fields)
    page = browser.get(sent.headers["location"])
    assert "sent to your phone" in page.text
    code = message_to(sqlite_gateway, "919812345678")["code"]
    wrong = browser.http.post(f"{sqlite_gateway.url}/signin/factor", data={**phone.fields, "code": other_than(code)})
    assert wrong.status_code == 400
    # The other one is still there for those who have it at hand.
    now = sqlite_gateway.clock().timestamp()
    by_app = browser.http.post(f"{sqlite_gateway.url}/signin/factor", data={**app.fields, "code": totp(secret, now)})
    assert by_app.status_code == 303
    assert "/consent" in by_app.headers["location"]

    second = sqlite_gateway.browser()
    page = second.sign_in(sign_in_page(sqlite_gateway, second, client), "five@example.com", "a-good-password")
    _, phone = forms(page)
    second.http.post(f"{sqlite_gateway.url}/signin/factor", data=phone.fields)
    code = message_to(sqlite_gateway, "919812345678")["code"]
    right = second.http.post(f"{sqlite_gateway.url}/signin/factor", data={**phone.fields, "code": code})
    assert "/consent" in right.headers["location"]


def test_second_factor_cannot_be_guessed(sqlite_gateway: Gateway, browser: Browser) -> None:
    secret = with_second_factor(sqlite_gateway, "four@example.com")
    page = browser.sign_in(sign_in_page(sqlite_gateway, browser), "four@example.com", "a-good-password")
    code = totp(secret, sqlite_gateway.clock().timestamp())
    for _ in range(5):
        assert browser.submit(page, "/signin/factor", code=other_than(code)).status_code == 400
    locked = browser.submit(page, "/signin/factor", code=code)
    assert locked.status_code == 429
    assert int(locked.headers["retry-after"]) <= 600


@pytest.mark.parametrize("step", ["/signin/code", "/signin/factor"])
def test_step_that_nothing_led_to_leads_to_the_beginning(sqlite_gateway: Gateway, browser: Browser, step: str) -> None:
    page = sign_in_page(sqlite_gateway, browser)
    handle = forms(page)[0].fields["request"]
    assert browser.get(f"{step}?request={handle}").text.count('name="password"') == 1
    csrf = forms(page)[0].fields["csrf"]
    path = {"/signin/code": "/signin/verify"}.get(step, step)
    fields = {"request": handle, "csrf": csrf, "code": "123456", "factor": "x"}
    refused = browser.http.post(f"{sqlite_gateway.url}{path}", data=fields)
    assert refused.status_code == 400
    assert "sign_in_lapsed" in refused.text


def wrong_passwords(browser: Browser, page: httpx.Response, email: str, count: int) -> list[int]:
    return [browser.sign_in(page, email, f"wrong-{number}").status_code for number in range(count)]


# SEED-50, F-3
def test_passwords_cannot_be_guessed_and_nobody_is_locked_out_for_good(
    gateway: Gateway, supabase: RunningSupabase, clock: SettableClock
) -> None:
    browser = gateway.browser()
    page = sign_in_page(gateway, browser)
    assert wrong_passwords(browser, page, USER.email, 10) == [400] * 10
    asked = supabase.stand_in.requests["/token"]
    locked = browser.sign_in(page, USER.email, USER.password)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 600
    assert "Try again in 10 minutes" in locked.text
    assert supabase.stand_in.requests["/token"] == asked
    # Another node, or this one after a restart, has not forgotten.
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as node:
        data = {**forms(page)[0].fields, "email": USER.email, "password": USER.password}
        headers = {"Host": gateway.url.removeprefix("http://"), "Cookie": cookie_header(browser)}
        answer = httpx.post(f"{node.listens_at}/signin", data=data, headers=headers, verify=NO_TLS)
        assert answer.status_code == 429
    # Others are not touched, nor is another way to sign in.
    second = gateway.browser()
    assert is_consent(second.sign_in(sign_in_page(gateway, second), ADMIN.email, ADMIN.password))
    by_code = ask_for_code(browser, page, USER.email)
    code = message_to(gateway, USER.email)["code"]
    assert is_consent(browser.submit(by_code, "/signin/verify", code=code))
    clock.advance(minutes=10, seconds=1)
    third = gateway.browser()
    assert is_consent(third.sign_in(sign_in_page(gateway, third), USER.email, USER.password))


def cookie_header(browser: Browser) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.http.cookies.jar)


def test_right_password_begins_the_count_anew(sqlite_gateway: Gateway, browser: Browser) -> None:
    for _ in range(3):
        page = sign_in_page(sqlite_gateway, browser)
        assert wrong_passwords(browser, page, ADMIN.email, 9) == [400] * 9
        consent = browser.sign_in(page, ADMIN.email, ADMIN.password)
        assert is_consent(consent)
        browser.submit(consent, "/signout")


# F-3, F-13
def test_fifty_guesses_at_once_are_no_better_than_one_after_the_other(
    gateway: Gateway, supabase: RunningSupabase
) -> None:
    browser = gateway.browser()
    page = sign_in_page(gateway, browser)
    before = supabase.stand_in.requests["/token"]
    fields = forms(page)[0].fields

    async def guess() -> list[int]:
        async with httpx.AsyncClient(headers={"Cookie": cookie_header(browser)}, verify=NO_TLS, timeout=30) as http:
            posts = [
                http.post(f"{gateway.url}/signin", data={**fields, "email": USER.email, "password": f"wrong-{number}"})
                for number in range(50)
            ]
            return [answer.status_code for answer in await asyncio.gather(*posts)]

    statuses = asyncio.run(guess())
    assert sorted(set(statuses)) == [400, 429]
    assert statuses.count(400) == 10
    assert supabase.stand_in.requests["/token"] - before == 10


def test_addresses_are_counted_as_well(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> None:
    with running_gateway(sqlite_url, supabase, clock, sign_in_attempts_per_address=5) as gateway:
        browser = gateway.browser()
        page = sign_in_page(gateway, browser)
        guesses = [browser.sign_in(page, f"person{number}@example.com", "x").status_code for number in range(7)]
    assert guesses == [400] * 5 + [429] * 2


def test_codes_are_not_sent_without_end(sqlite_gateway: Gateway, browser: Browser) -> None:
    page = sign_in_page(sqlite_gateway, browser)
    statuses = [ask_for_code(browser, page, "flood@example.com").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


def test_page_that_cannot_know_what_is_switched_on_says_so_and_goes_on_later(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock) as gateway:
        supabase.stand_in.faults.set("500")
        browser = gateway.browser()
        page = browser.get(gateway.registered().authorization_url())
        assert page.status_code == 503
        assert page.headers["retry-after"] == "5"
        supabase.stand_in.faults.clear()
        assert is_consent(browser.sign_in(browser.get(str(page.url)), USER.email, USER.password))


def test_wish_for_a_code_takes_the_same_time_whether_there_is_an_account_or_not(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    supabase.stand_in.switched_off.add("sign_up")
    with running_gateway(sqlite_url, supabase, clock, code_answer_milliseconds=400) as gateway:
        browser = gateway.browser()
        page = sign_in_page(gateway, browser)
        supabase.stand_in.faults.set("slow", paths=["/otp"], seconds=3)
        for email in (USER.email, "nobody@example.com"):
            began = time.monotonic()
            assert "a code is on its way" in ask_for_code(browser, page, email).text
            assert 0.4 <= time.monotonic() - began < 2
        supabase.stand_in.faults.clear()
        for email in (USER.email, "nobody@example.com"):
            began = time.monotonic()
            ask_for_code(browser, page, email)
            assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize(
    ("provider", "field", "site"),
    [
        ("hcaptcha", "h-captcha-response", "https://*.hcaptcha.com"),
        ("turnstile", "cf-turnstile-response", "https://challenges.cloudflare.com"),
    ],
)
def test_captcha_of_the_project_is_shown_and_its_token_passed_on(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, provider: str, field: str, site: str
) -> None:
    supabase.stand_in.demand_captcha("solved")
    captcha: dict[str, Any] = {"captcha_provider": provider, "captcha_site_key": "10000000-ffff"}
    with running_gateway(sqlite_url, supabase, clock, **captcha) as gateway:
        browser = gateway.browser()
        page = sign_in_page(gateway, browser)
        assert 'data-sitekey="10000000-ffff"' in page.text
        policy = page.headers["content-security-policy"]
        assert re.search(rf"script-src [^;]*{re.escape(site)}", policy)
        assert "unsafe-inline" not in policy
        unsolved = browser.sign_in(page, USER.email, USER.password)
        assert unsolved.status_code == 400
        assert "Solve the captcha" in unsolved.text
        filled = {"email": USER.email, "password": USER.password, field: "solved"}
        assert is_consent(consent := browser.submit(page, "/signin", **filled))
        assert "script-src" not in consent.headers["content-security-policy"]
        other = gateway.browser()
        sent = other.submit(
            sign_in_page(gateway, other), "/signin", to="/signin/code", **{"email": USER.email, field: "solved"}
        )
        assert "a code is on its way" in sent.text
