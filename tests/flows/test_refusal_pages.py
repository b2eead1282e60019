"""Every page that refuses something shows the id by which it is explained, and its reason is told; no other page does
(P-16)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Step, Subject
from oauth.stores.opening import OpenDatabase
from servers.local_supabase.factors import totp
from tests.flows.test_sign_in_methods import ask_for_code, message_to, other_than, with_second_factor
from tests.support.browser import Browser, continue_as, forms, go_to_provider
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway
from tests.support.stories import Eventually, everything_written, flow_id_on, steps_of, stories, story

Refuse = Callable[[Gateway, Browser], httpx.Response]
FLOW_ID = re.compile(r"\bfl_")


@pytest.fixture
def browser(sqlite_gateway: Gateway) -> Iterator[Browser]:
    """A person's browser; afterwards the project is as it was, and whatever was counted counts no more."""
    yield sqlite_gateway.browser()
    sqlite_gateway.supabase.stand_in.switched_off.clear()
    sqlite_gateway.supabase.stand_in.faults.clear()
    sqlite_gateway.clock.advance(minutes=11)


def sign_in_page(gateway: Gateway, browser: Browser, **changed: str | None) -> httpx.Response:
    return browser.get(gateway.registered().authorization_url(**changed))


def consent_page(gateway: Gateway, browser: Browser, **changed: str | None) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser, **changed), USER.email, USER.password)


def code_page(gateway: Gateway, browser: Browser) -> httpx.Response:
    return ask_for_code(browser, sign_in_page(gateway, browser), USER.email)


def factor_page(gateway: Gateway, browser: Browser, email: str) -> tuple[httpx.Response, str]:
    secret = with_second_factor(gateway, email)
    return browser.sign_in(sign_in_page(gateway, browser), email, "a-good-password"), secret


def trouble(gateway: Gateway, path: str, fault: str = "500") -> None:
    gateway.supabase.stand_in.faults.set(fault, paths=[path])


def wrong_password(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser), USER.email, "wrong")


def password_of_nobody(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser), "nobody@example.com", "wrong")


def nothing_typed(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser), "", "")


def no_password(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser), USER.email, "")


def long_password(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser), USER.email, "x" * 2000)


def no_address(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser), "canary-of-what-was-typed", "x")


def too_many_passwords(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = sign_in_page(gateway, browser)
    return [browser.sign_in(page, "guessed@example.com", f"x{number}") for number in range(11)][-1]


def password_while_supabase_is_down(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = sign_in_page(gateway, browser)
    trouble(gateway, "/token")
    return browser.sign_in(page, USER.email, USER.password)


def password_while_supabase_is_busy(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = sign_in_page(gateway, browser)
    trouble(gateway, "/token", "429")
    return browser.sign_in(page, USER.email, USER.password)


def no_address_for_a_code(gateway: Gateway, browser: Browser) -> httpx.Response:
    return ask_for_code(browser, sign_in_page(gateway, browser), "")


def what_is_no_address_for_a_code(gateway: Gateway, browser: Browser) -> httpx.Response:
    return ask_for_code(browser, sign_in_page(gateway, browser), "canary-of-what-was-typed")


def code_that_is_switched_off(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = sign_in_page(gateway, browser)
    gateway.supabase.stand_in.switched_off.add("phone")
    gateway.clock.advance(minutes=6)
    return ask_for_code(browser, page, "+919876543210")


def too_many_codes(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = sign_in_page(gateway, browser)
    return [ask_for_code(browser, page, "sent@example.com") for _ in range(6)][-1]


def code_while_supabase_is_down(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = sign_in_page(gateway, browser)
    trouble(gateway, "/otp")
    return ask_for_code(browser, page, USER.email)


def no_code(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.submit(code_page(gateway, browser), "/signin/verify", code="")


def wrong_code(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = code_page(gateway, browser)
    code = message_to(gateway, USER.email)["code"]
    return browser.submit(page, "/signin/verify", code=other_than(code))


def too_many_wrong_codes(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = code_page(gateway, browser)
    code = message_to(gateway, USER.email)["code"]
    return [browser.submit(page, "/signin/verify", code=other_than(code)) for _ in range(6)][-1]


def check_of_a_code_while_supabase_is_down(gateway: Gateway, browser: Browser) -> httpx.Response:
    page = code_page(gateway, browser)
    trouble(gateway, "/verify")
    return browser.submit(page, "/signin/verify", code="123456")


def code_that_nothing_led_to(gateway: Gateway, browser: Browser) -> httpx.Response:
    fields = forms(sign_in_page(gateway, browser))[0].fields
    return browser.http.post(f"{gateway.url}/signin/verify", data={**fields, "code": "123456"})


def provider_that_is_switched_off(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.submit(sign_in_page(gateway, browser), "/signin/provider", provider="canary-of-what-was-typed")


def provider_that_refuses(gateway: Gateway, browser: Browser) -> httpx.Response:
    go_to_provider(browser, sign_in_page(gateway, browser))
    return browser.get("/signin/callback?error=access_denied&error_description=canary-of-what-was-typed")


def return_from_a_provider_while_supabase_is_down(gateway: Gateway, browser: Browser) -> httpx.Response:
    back = continue_as(USER.id, go_to_provider(browser, sign_in_page(gateway, browser)))
    trouble(gateway, "/token")
    return browser.get(back)


def return_that_did_not_begin_here(gateway: Gateway, browser: Browser) -> httpx.Response:
    back = continue_as(USER.id, go_to_provider(browser, sign_in_page(gateway, browser)))
    return gateway.browser().get(back)


def domain_that_is_unknown(gateway: Gateway, browser: Browser) -> httpx.Response:
    gateway.supabase.stand_in.sso_domains.add("corp.example")
    gateway.clock.advance(minutes=6)
    page = sign_in_page(gateway, browser)
    gateway.supabase.stand_in.sso_domains.clear()
    return browser.submit(page, "/signin/provider", domain="canary-of-what-was-typed.example")


def factor_that_is_none_of_theirs(gateway: Gateway, browser: Browser) -> httpx.Response:
    page, _ = factor_page(gateway, browser, "factor-1@example.com")
    return browser.submit(page, "/signin/factor", factor="canary-of-what-was-typed", code="123456")


def no_code_of_a_factor(gateway: Gateway, browser: Browser) -> httpx.Response:
    page, _ = factor_page(gateway, browser, "factor-2@example.com")
    return browser.submit(page, "/signin/factor", code="")


def wrong_code_of_a_factor(gateway: Gateway, browser: Browser) -> httpx.Response:
    page, secret = factor_page(gateway, browser, "factor-3@example.com")
    return browser.submit(page, "/signin/factor", code=other_than(totp(secret, gateway.clock().timestamp())))


def too_many_codes_of_a_factor(gateway: Gateway, browser: Browser) -> httpx.Response:
    page, secret = factor_page(gateway, browser, "factor-4@example.com")
    wrong = other_than(totp(secret, gateway.clock().timestamp()))
    return [browser.submit(page, "/signin/factor", code=wrong) for _ in range(6)][-1]


def factor_while_supabase_is_down(gateway: Gateway, browser: Browser) -> httpx.Response:
    page, secret = factor_page(gateway, browser, "factor-5@example.com")
    trouble(gateway, "/factors")
    return browser.submit(page, "/signin/factor", code=totp(secret, gateway.clock().timestamp()))


def role_that_is_missing(gateway: Gateway, browser: Browser) -> httpx.Response:
    return consent_page(gateway, browser, resource=f"{gateway.url}/mcp-admin", scope="mcp:admin")


def answer_without_a_choice(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.submit(consent_page(gateway, browser), "/consent", decision="canary-of-what-was-typed")


def page_that_has_expired(gateway: Gateway, browser: Browser) -> httpx.Response:
    client = gateway.registered(client_name="canary-of-what-was-typed")
    page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    gateway.clock.advance(minutes=11)
    return browser.decide(page)


def page_of_another_browser(gateway: Gateway, browser: Browser) -> httpx.Response:
    return gateway.browser().get(str(sign_in_page(gateway, browser).url))


def page_that_sends_too_much(gateway: Gateway, browser: Browser) -> httpx.Response:
    return browser.sign_in(sign_in_page(gateway, browser), USER.email, "x" * 70_000)


SIGN_IN, CONSENT = Step.SIGNED_IN, Step.CONSENTED
REFUSALS: list[tuple[Refuse, Step, str]] = [
    (wrong_password, SIGN_IN, "wrong_credentials"),
    (password_of_nobody, SIGN_IN, "wrong_credentials"),
    (nothing_typed, SIGN_IN, "identifier_missing"),
    (no_password, SIGN_IN, "password_missing"),
    (long_password, SIGN_IN, "password_oversized"),
    (no_address, SIGN_IN, "not_an_identifier"),
    (too_many_passwords, SIGN_IN, "attempts_exceeded"),
    (password_while_supabase_is_down, SIGN_IN, "provider_unavailable"),
    (password_while_supabase_is_busy, SIGN_IN, "too_many_attempts"),
    (no_address_for_a_code, SIGN_IN, "identifier_missing"),
    (what_is_no_address_for_a_code, SIGN_IN, "not_an_identifier"),
    (code_that_is_switched_off, SIGN_IN, "method_disabled"),
    (too_many_codes, SIGN_IN, "attempts_exceeded"),
    (code_while_supabase_is_down, SIGN_IN, "provider_unavailable"),
    (no_code, SIGN_IN, "typed_code_malformed"),
    (wrong_code, SIGN_IN, "wrong_code"),
    (too_many_wrong_codes, SIGN_IN, "attempts_exceeded"),
    (check_of_a_code_while_supabase_is_down, SIGN_IN, "provider_unavailable"),
    (code_that_nothing_led_to, SIGN_IN, "sign_in_lapsed"),
    (provider_that_is_switched_off, SIGN_IN, "method_disabled"),
    (provider_that_refuses, SIGN_IN, "provider_refused"),
    (return_from_a_provider_while_supabase_is_down, SIGN_IN, "provider_unavailable"),
    (return_that_did_not_begin_here, SIGN_IN, "return_unknown"),
    (domain_that_is_unknown, SIGN_IN, "no_such_domain"),
    (factor_that_is_none_of_theirs, SIGN_IN, "factor_unknown"),
    (no_code_of_a_factor, SIGN_IN, "typed_code_malformed"),
    (wrong_code_of_a_factor, SIGN_IN, "wrong_code"),
    (too_many_codes_of_a_factor, SIGN_IN, "attempts_exceeded"),
    (factor_while_supabase_is_down, SIGN_IN, "provider_unavailable"),
    (role_that_is_missing, CONSENT, "role_required"),
    (answer_without_a_choice, CONSENT, "decision_missing"),
    (page_that_has_expired, CONSENT, "authorization_request_expired"),
    (page_of_another_browser, SIGN_IN, "browser_mismatch"),
    (page_that_sends_too_much, SIGN_IN, "oversized_body"),
]


@pytest.mark.parametrize(("refuse", "step", "reason"), REFUSALS, ids=[each[0].__name__ for each in REFUSALS])
def test_page_that_refuses_shows_the_id_that_explains_it(
    sqlite_gateway: Gateway,
    browser: Browser,
    eventually: Eventually,
    run: Run,
    refuse: Refuse,
    step: Step,
    reason: str,
) -> None:
    page = refuse(sqlite_gateway, browser)
    assert page.status_code >= 400
    request_id = page.headers["x-request-id"]
    eventually(lambda: story(sqlite_gateway, request_id) is not None)
    told = story(sqlite_gateway, request_id)
    assert told is not None
    assert flow_id_on(page) == told.flow_id
    (refused,) = [each for each in told.steps if each.request_id == request_id]
    assert (refused.step, refused.reason) == (step, reason)
    assert told.last_refusal == refused
    assert "canary-of-what-was-typed" not in everything_written(sqlite_gateway)
    _, out, _ = run("explain", told.flow_id, database_url=sqlite_gateway.settings.database_url)
    assert "What to do: Look for the request in the log" not in out


def test_page_that_refuses_nothing_shows_no_id(sqlite_gateway: Gateway, browser: Browser) -> None:
    pages = [
        sign_in_page(sqlite_gateway, browser),
        code_page(sqlite_gateway, browser),
        factor_page(sqlite_gateway, browser, "factor-6@example.com")[0],
        consent_page(sqlite_gateway, browser),
    ]
    assert [page.status_code for page in pages] == [200] * 4
    assert [page for page in pages if FLOW_ID.search(page.text)] == []


def test_story_does_not_tell_whether_there_is_an_account(
    sqlite_gateway: Gateway, browser: Browser, eventually: Eventually
) -> None:
    del browser  # which puts the project back in order
    sqlite_gateway.supabase.stand_in.switched_off.add("sign_up")
    sqlite_gateway.clock.advance(minutes=6)
    told = []
    for email in (ADMIN.email, "nobody@example.com"):
        client, person = sqlite_gateway.registered(), sqlite_gateway.browser()
        page = person.sign_in(person.get(client.authorization_url()), email, "wrong")
        person.submit(ask_for_code(person, page, email), "/signin/verify", code="000000")
        eventually(lambda client=client: steps_of(sqlite_gateway, client.client_id)[3:] == [SIGN_IN])  # type: ignore[misc]
        (only,) = stories(sqlite_gateway, client.client_id)
        told.append([(step.step, step.reason, step.error, step.description) for step in only.steps])
    assert told[0] == told[1]
    assert [reason for _, reason, *_ in told[0]] == [None, None, "wrong_credentials", "wrong_code"]


def test_captcha_that_was_not_solved_is_told(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    supabase.stand_in.demand_captcha("solved")
    captcha: dict[str, Any] = {"captcha_provider": "turnstile", "captcha_site_key": "10000000-ffff"}
    with running_gateway(sqlite_url, supabase, clock, **captcha) as gateway:
        page = wrong_password(gateway, gateway.browser())
        eventually(lambda: _reasons(gateway, flow_id_on(page)) == ["captcha_failed"])


def test_page_that_cannot_be_made_is_told_as_the_outage_that_it_is(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    supabase.stand_in.faults.set("500")
    with running_gateway(sqlite_url, supabase, clock) as gateway:
        page = sign_in_page(gateway, gateway.browser())
        assert page.status_code == 503
        eventually(lambda: _reasons(gateway, flow_id_on(page)) == ["provider_unavailable"])


def test_person_who_has_no_second_factor_is_told_with_that_reason(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    with running_gateway(sqlite_url, supabase, clock, second_factor_required=("/mcp",)) as gateway:
        page = consent_page(gateway, gateway.browser())
        assert page.status_code == 403
        eventually(lambda: _reasons(gateway, flow_id_on(page)) == ["second_factor_required"])


def test_person_who_has_been_deactivated_is_told_with_that_reason(
    sqlite_gateway: Gateway, browser: Browser, eventually: Eventually
) -> None:
    def set_active(*, active: bool) -> None:
        async def work(database: OpenDatabase) -> None:
            await UserStore(database).set_active(Subject(USER.id), sqlite_gateway.clock(), active=active)

        sqlite_gateway.database(work)
        sqlite_gateway.clock.advance(seconds=61)

    page = consent_page(sqlite_gateway, browser)
    set_active(active=False)
    page = browser.decide(page)
    set_active(active=True)
    assert page.status_code == 403
    eventually(lambda: _reasons(sqlite_gateway, flow_id_on(page)) == ["user_inactive"])


def test_change_of_mind_is_told(sqlite_gateway: Gateway, browser: Browser, eventually: Eventually) -> None:
    client = sqlite_gateway.registered()
    page = browser.sign_in(browser.get(client.authorization_url()), USER.email, USER.password)
    browser.decide(page)
    browser.decide(page, "deny")
    eventually(lambda: _reasons(sqlite_gateway, client.client_id) == ["consent_withdrawn"])


def _reasons(gateway: Gateway, name: str) -> list[str]:
    found = story(gateway, name)
    return [] if found is None else [step.reason for step in found.steps if step.reason is not None]
