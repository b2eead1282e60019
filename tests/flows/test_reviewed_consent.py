"""The pages, for people who do several things at once, and for those who would rather be somebody else."""

from dataclasses import replace
from datetime import datetime

from oauth.stores.sql import SqlStore
from oauth.vocabulary import ClientId, Subject
from tests.support.browser import forms
from tests.support.gateway import ADMIN, USER, Gateway
from tests.support.raw_client import answer_of, claims_of


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

    async def switch(store: SqlStore, at: datetime | None) -> None:
        stored = await store.client(ClientId(client.client_id))
        assert stored is not None
        await store.put_client(replace(stored, disabled_at=at))

    sqlite_gateway.store(lambda store: switch(store, sqlite_gateway.clock()))
    for decision in ("allow", "deny"):
        refused = browser.decide(page, decision)
        assert refused.status_code == 403
        assert "switched off" in refused.text
    sqlite_gateway.store(lambda store: switch(store, None))
    assert "code" in answer_of(browser.decide(page))
