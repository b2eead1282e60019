"""What a person sees and does: both themes, a phone's width, a keyboard, no JavaScript, and every way out."""

import re
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from servers.local_supabase.factors import totp
from tests.support.app_person import AppPerson, sign_up
from tests.support.callback import Callback
from tests.support.gateway import ADMIN, USER, Gateway
from tests.support.raw_client import RawClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE_WIDTH = 320  # CSS pixels
LONG_NAME = "<b>Friendly</b> " + "Assistant" * 8
ALLOW, DENY = "button[value=allow]", "button[value=deny]"


class Person:
    """Somebody at a page. complaints: what a policy of the page made the browser refuse."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self._hear(message.text))

    def _hear(self, said: str) -> None:
        if "Content Security Policy" in said:
            self.complaints.append(said)

    async def sign_in(self, url: str, account: Any = USER) -> None:  # noqa: ANN401 - a demo account
        await self.page.goto(url)
        await self.page.fill("#email", account.email)
        await self.page.fill("#password", account.password)
        await self.page.click("button.primary")
        await self.page.wait_for_url("**/consent?*")


@pytest_asyncio.fixture(loop_scope="module")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context()
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def person(context: BrowserContext) -> Person:
    return Person(await context.new_page())


def registered(gateway: Gateway, uri: str, name: str = "Raw client") -> RawClient:
    client = gateway.registered(redirect_uris=[uri], client_name=name)
    client.redirect_uri = uri
    return client


# P-14
async def test_person_signs_in_agrees_and_lands_at_the_program_that_waits(
    gateway: Gateway, person: Person, waiting: Callback
) -> None:
    client = registered(gateway, waiting.uri)
    await person.sign_in(client.authorization_url())
    await person.page.click(ALLOW)
    await person.page.wait_for_url(f"{waiting.uri}?*")
    assert await person.page.title() == "Connected"
    (answer,) = waiting.answers
    assert (answer["state"], answer["iss"]) == ("some-state", gateway.url)
    assert client.redeem(answer["code"]).status_code == 200
    assert person.complaints == []


async def test_person_denies_and_the_program_is_told(gateway: Gateway, person: Person, waiting: Callback) -> None:
    await person.sign_in(registered(gateway, waiting.uri).authorization_url())
    await person.page.click(DENY)
    await person.page.wait_for_url(f"{waiting.uri}?*")
    assert waiting.answers[0]["error"] == "access_denied"
    assert person.complaints == []


# P-14
@pytest.mark.parametrize("decision", [ALLOW, DENY])
async def test_answer_reaches_an_app_through_its_own_scheme(gateway: Gateway, person: Person, decision: str) -> None:
    await person.sign_in(registered(gateway, "com.example.app:/callback").authorization_url())
    # Chromium hands the address to the system, which knows no such app here; that it was asked is what counts (P-14).
    async with person.page.expect_request(lambda request: request.url.startswith("com.example.app:/callback?")):
        await person.page.click(decision, no_wait_after=True)
    assert person.complaints == []


async def test_account_without_the_role_is_told_and_can_go_back_to_the_program(
    gateway: Gateway, person: Person, waiting: Callback
) -> None:
    client = registered(gateway, waiting.uri)
    await person.sign_in(client.authorization_url(resource=f"{gateway.url}/mcp-admin"))
    assert "cannot use" in await person.page.inner_text("h1")
    await person.page.click(DENY)
    await person.page.wait_for_url(f"{waiting.uri}?*")
    assert waiting.answers[0]["error"] == "access_denied"
    assert person.complaints == []


async def test_wrong_password_says_so_and_keeps_the_address(
    gateway: Gateway, person: Person, waiting: Callback
) -> None:
    await person.page.goto(registered(gateway, waiting.uri).authorization_url())
    await person.page.fill("#email", USER.email)
    await person.page.fill("#password", "not the password")
    await person.page.click("button.primary")
    problem = person.page.locator("[role=alert]")
    await problem.wait_for()
    assert await person.page.input_value("#email") == USER.email
    assert await person.page.input_value("#password") == ""
    await person.page.wait_for_function("document.activeElement.id === 'password'")


async def test_everything_works_from_the_keyboard(gateway: Gateway, person: Person, waiting: Callback) -> None:
    page, keyboard = person.page, person.page.keyboard
    await page.goto(registered(gateway, waiting.uri).authorization_url())
    await page.wait_for_function("document.activeElement.id === 'email'")
    await keyboard.type(USER.email)
    await keyboard.press("Tab")
    await keyboard.type(USER.password)
    await keyboard.press("Enter")
    await page.wait_for_url("**/consent?*")
    await keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.value") == "allow"
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    await keyboard.press("Enter")
    await page.wait_for_url(f"{waiting.uri}?*")


async def test_everything_works_without_javascript(gateway: Gateway, chromium: Browser, waiting: Callback) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    person = Person(await context.new_page())
    await person.sign_in(registered(gateway, waiting.uri).authorization_url())
    await person.page.click(ALLOW)
    await person.page.wait_for_url(f"{waiting.uri}?*")
    assert "code" in waiting.answers[0]
    await context.close()


async def test_double_click_gives_one_working_code(gateway: Gateway, person: Person, waiting: Callback) -> None:
    client = registered(gateway, waiting.uri)
    await person.sign_in(client.authorization_url())
    await person.page.dblclick(ALLOW)
    # The second click breaks off what the first began: where the browser ends up counts, not how each of them went.
    await expect(person.page).to_have_url(re.compile(rf"{re.escape(waiting.uri)}\?"))
    codes = {answer["code"] for answer in waiting.answers}
    assert [client.redeem(code).status_code for code in codes] == [200]


async def test_reload_and_back_are_harmless(gateway: Gateway, person: Person, waiting: Callback) -> None:
    client = registered(gateway, waiting.uri)
    await person.sign_in(client.authorization_url())
    await person.page.reload()
    await person.page.go_back()
    await person.page.go_forward()
    await person.page.click(ALLOW)
    await person.page.wait_for_url(f"{waiting.uri}?*")
    await person.page.go_back()
    again = person.page.locator(ALLOW)
    if await again.count():
        await again.click()
        await person.page.wait_for_load_state()
    (code,) = {answer["code"] for answer in waiting.answers if "code" in answer}
    assert client.redeem(code).status_code == 200


async def test_browser_that_is_signed_in_is_asked_again_but_need_not_sign_in(
    gateway: Gateway, person: Person, waiting: Callback
) -> None:
    client = registered(gateway, waiting.uri)
    await person.sign_in(client.authorization_url())
    await person.page.goto(client.authorization_url())
    assert await person.page.locator("#password").count() == 0
    assert await person.page.locator(ALLOW).count() == 1


async def test_not_you_lets_somebody_else_sign_in(gateway: Gateway, person: Person, waiting: Callback) -> None:
    client = registered(gateway, waiting.uri)
    await person.sign_in(client.authorization_url())
    await person.page.click("button.link")
    await person.page.fill("#email", ADMIN.email)
    await person.page.fill("#password", ADMIN.password)
    await person.page.click("button.primary")
    await person.page.wait_for_url("**/consent?*")
    assert ADMIN.email in await person.page.inner_text("dl")


async def test_request_of_another_browser_is_refused_with_a_way_on(
    gateway: Gateway, chromium: Browser, person: Person, waiting: Callback
) -> None:
    await person.sign_in(registered(gateway, waiting.uri).authorization_url())
    elsewhere = await chromium.new_context()
    page = await elsewhere.new_page()
    response = await page.goto(person.page.url)
    assert response is not None
    assert response.status == 403
    assert "Reason:" in await page.inner_text("main")
    assert await page.locator(ALLOW).count() == 0
    await elsewhere.close()


async def test_client_cannot_write_html_with_its_name(gateway: Gateway, person: Person, waiting: Callback) -> None:
    await person.sign_in(registered(gateway, waiting.uri, LONG_NAME).authorization_url())
    assert await person.page.locator("h1 b").count() == 0
    assert "<b>Friendly</b>" in await person.page.inner_text("h1")


# P-14
async def test_person_comes_back_from_a_social_provider(gateway: Gateway, person: Person, waiting: Callback) -> None:
    await person.page.goto(registered(gateway, waiting.uri).authorization_url())
    await person.page.click("button[value=github]")  # Chromium follows it to another site and back (P-14)
    await person.page.click(f"button[value='{USER.id}']")
    await person.page.wait_for_url("**/consent?*")
    await person.page.click(ALLOW)
    await person.page.wait_for_url(f"{waiting.uri}?*")
    assert person.complaints == []


async def test_person_signs_in_with_a_code_from_the_keyboard(
    gateway: Gateway, person: Person, waiting: Callback
) -> None:
    page, keyboard = person.page, person.page.keyboard
    await page.goto(registered(gateway, waiting.uri).authorization_url())
    await page.fill("#email", USER.email)
    await keyboard.press("Tab")
    await keyboard.press("Tab")
    await keyboard.press("Tab")
    await keyboard.press("Enter")  # "Send me a code instead", with no password typed
    await page.wait_for_url("**/signin/code?*")
    assert await page.get_by_label("Code").get_attribute("autocomplete") == "one-time-code"
    await page.wait_for_function("document.activeElement.id === 'code'")
    await keyboard.type(gateway.supabase.stand_in.messages[USER.email]["code"])
    await keyboard.press("Enter")
    await page.wait_for_url("**/consent?*")
    assert person.complaints == []


async def test_person_signs_in_with_a_code_to_the_telephone(
    gateway: Gateway, person: Person, waiting: Callback
) -> None:
    sign_up(gateway, "telephone@example.com", phone="919876543210")
    page = person.page
    await page.goto(registered(gateway, waiting.uri).authorization_url())
    await page.fill("#email", "98765 43210")  # as people in the default region write it
    await page.click("button[formaction='/signin/code']")
    await page.wait_for_url("**/signin/code?*")
    await page.fill("#code", gateway.supabase.stand_in.messages["919876543210"]["code"])
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/consent?*")
    assert person.complaints == []


async def test_person_gives_a_second_factor(gateway: Gateway, person: Person, waiting: Callback) -> None:
    account = sign_up(gateway, "factor@example.com")
    app = AppPerson(gateway, account)
    secret = app.enroll()
    app.close()
    page = person.page
    await page.goto(registered(gateway, waiting.uri).authorization_url())
    await page.fill("#email", account.email)
    await page.fill("#password", account.password)
    await page.click("button.primary")
    await page.wait_for_url("**/signin/factor?*")
    await page.fill("input[name=code]", totp(secret, gateway.clock().timestamp()))
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/consent?*")
    await page.click(ALLOW)
    await page.wait_for_url(f"{waiting.uri}?*")
    assert person.complaints == []


# Contrast of every text with what lies behind it, as WCAG 2.2 §1.4.3 defines it. → [[ratio, text], …]
CONTRASTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
    if (!text) continue;
    const [a, b] = [channels(getComputedStyle(element).color), behind(element)].map(luminance);
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text]);
  }
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_pages_are_legible_and_fit_a_phone_in_both_themes(
    gateway: Gateway, chromium: Browser, waiting: Callback, theme: Literal["light", "dark"]
) -> None:
    context = await chromium.new_context(viewport={"width": PHONE_WIDTH, "height": 640}, color_scheme=theme)
    person = Person(await context.new_page())
    url = registered(gateway, waiting.uri, LONG_NAME).authorization_url()

    async def check() -> None:
        contrasts = await person.page.evaluate(CONTRASTS)
        assert contrasts
        assert [each for each in contrasts if each[0] < 4.5] == []
        assert await person.page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
        for box in [
            await each.bounding_box()
            for each in await person.page.locator("button:not(.link), input:not([type=hidden])").all()
        ]:
            assert box is not None
            assert box["height"] >= 44
        grounds.append(await person.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    grounds: list[str] = []
    await person.page.goto(url)
    await check()
    await person.page.fill("#email", USER.email)
    await person.page.fill("#password", "wrong")
    await person.page.click("button.primary")
    await person.page.wait_for_selector("[role=alert]")
    await check()
    await person.page.fill("#email", ADMIN.email)
    await person.page.click("button[formaction]")
    await person.page.wait_for_url("**/signin/code?*")
    await check()
    await person.sign_in(url)
    await check()
    await person.page.goto(url.replace("client_id=", "client_id=no-such-"))
    await check()
    assert set(grounds) == {"rgb(244, 245, 247)" if theme == "light" else "rgb(16, 18, 22)"}
    await context.close()


async def test_every_field_has_a_label_and_every_page_a_language_and_a_title(
    gateway: Gateway, person: Person, waiting: Callback
) -> None:
    await person.page.goto(registered(gateway, waiting.uri).authorization_url())
    assert await person.page.get_by_label("Email").get_attribute("autocomplete") == "username"
    assert await person.page.get_by_label("Password").get_attribute("autocomplete") == "current-password"
    assert await person.page.evaluate("document.documentElement.lang") == "en"
    assert await person.page.title() == "Sign in"
