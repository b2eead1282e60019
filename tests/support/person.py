"""The person in front of the browser that a client opens."""

import asyncio
from typing import Any

import httpx

from tests.support.browser import NO_TLS, Browser
from tests.support.gateway import USER, Gateway
from tests.support.raw_client import answer_of


class Person:
    """Signs in and agrees whenever a client sends them to the gateway. visits counts how often that was."""

    def __init__(self, gateway: Gateway, account: Any = USER) -> None:  # noqa: ANN401 - a demo account
        self._gateway = gateway
        self.account = account
        self.visits = 0
        self.answer: dict[str, str] = {}

    def visit(self, url: str) -> str:
        """Follow the link to the end. → where the gateway sent the browser."""
        self.visits += 1
        browser = Browser(self._gateway.url)
        try:
            redirect = browser.connect(url, self.account.email, self.account.password)
        finally:
            browser.close()
        self.answer = answer_of(redirect)
        return str(redirect.headers["location"])

    def visit_and_return(self, url: str) -> None:
        """The same, and on to the client's own listener."""
        response = httpx.get(self.visit(url), verify=NO_TLS, timeout=20)
        assert response.status_code < 400, response.text

    async def redirect_handler(self, url: str) -> None:
        """For clients that hand over the URL and ask for the answer later."""
        await asyncio.to_thread(self.visit, url)
