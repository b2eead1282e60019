"""A browser without a window: cookies, redirects that are looked at one by one, forms that are filled in."""

import ssl
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

# Loading the machine's certificates takes longer than most tests, and nothing here speaks TLS.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Form:
    """A form of a page. fields: hidden ones and defaults. choices: names and values of its submit buttons."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}
        self.choices: list[tuple[str, str]] = []


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "button" and "name" in given and self.forms:
            self.forms[-1].choices.append((given["name"], given["value"]))


def forms(page: httpx.Response) -> list[Form]:
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


class Browser:
    """One person's browser at one gateway. It follows redirects within the gateway and stops at all others."""

    def __init__(self, gateway: str) -> None:
        self.gateway = gateway
        self.http = httpx.Client(follow_redirects=False, timeout=20, verify=NO_TLS, headers={"Accept": "text/html"})

    def close(self) -> None:
        self.http.close()

    def get(self, url: str) -> httpx.Response:
        return self._follow(self.http.get(urljoin(self.gateway, url)))

    def submit(self, page: httpx.Response, action: str, to: str | None = None, **filled: str) -> httpx.Response:
        """Fill in the page's form of that action and send it; to: where the button that is pressed leads instead."""
        form = next(form for form in forms(page) if form.action == action)
        return self._follow(self.http.post(urljoin(self.gateway, to or form.action), data={**form.fields, **filled}))

    def sign_in(self, page: httpx.Response, email: str, password: str) -> httpx.Response:
        return self.submit(page, "/signin", email=email, password=password)

    def decide(self, page: httpx.Response, decision: str = "allow") -> httpx.Response:
        return self.submit(page, "/consent", decision=decision)

    def connect(self, url: str, email: str, password: str) -> httpx.Response:
        """From an authorization URL to the redirect that carries the answer, signing in where asked, and agreeing."""
        page = self.get(url)
        if any(form.action == "/signin" for form in forms(page)):
            page = self.sign_in(page, email, password)
        return self.decide(page)

    def _follow(self, response: httpx.Response) -> httpx.Response:
        for _ in range(10):
            location = response.headers.get("location")
            if location is None:
                return response
            target = urljoin(str(response.url), location)
            if not target.startswith(f"{self.gateway}/"):
                return response
            response = self.http.get(target)
        raise AssertionError("too many redirects")


def go_to_provider(browser: Browser, page: httpx.Response) -> str:
    redirect = browser.submit(page, "/signin/provider", provider="github")
    assert redirect.status_code == 303
    return str(redirect.headers["location"])


def continue_as(account_id: str, url: str) -> str:
    """At the pretend provider. → where it sends the browser."""
    with httpx.Client(verify=NO_TLS, follow_redirects=False) as http:
        choice = http.get(http.get(url).headers["location"])
        (form,) = forms(choice)
        return str(http.get(form.action, params={**form.fields, "code": account_id}).headers["location"])
