"""Every request of the doctor goes through here: bounded in bytes and time, without cookies unless it plays a browser,
and never to this network on the word of a server elsewhere."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import httpx

from servers.doctor.evidence.documents import host, is_url, origin, shown
from servers.doctor.evidence.observations import Answer, Visited
from servers.doctor.probes import body as reading
from servers.doctor.probes.addresses import Names, Reach, reach
from servers.doctor.probes.redaction import Withheld

USER_AGENT = "mcp-auth-doctor"
PATIENCE = 15.0  # seconds for an answer
_SLOW = 10.0
_MOST_SLOW = 3  # answers of an origin; then it is left alone
_MOST_HOPS = 5
_HERE = (Reach.THIS_MACHINE, Reach.THIS_NETWORK)


class Visitor:
    """Sends requests, takes whatever comes back for an answer, and remembers all answers. near: whether the deployment
    is on this machine or network itself; if not, nothing there is asked because it says so."""

    def __init__(self, http: httpx.AsyncClient, names: Names, *, near: bool, patience: float = PATIENCE) -> None:
        self.answers: list[Answer] = []
        self.withheld = Withheld()
        self._http = http
        self._names = names
        self._near = near
        self._patience = patience
        self._slow: Counter[str] = Counter()

    async def ask(
        self,
        method: str,
        url: str,
        cookies: httpx.Cookies | None = None,
        **options: Any,  # noqa: ANN401 - httpx's
    ) -> Answer:
        """One request; redirects are not followed."""
        started = time.perf_counter()
        problem = await self.obstacle(url)
        answer = Answer(method, url, 0, problem=problem) if problem else await self._send(method, url, cookies, options)
        answer = replace(answer, seconds=time.perf_counter() - started)
        if answer.seconds >= min(_SLOW, self._patience):
            self._slow[origin(url)] += 1
        self.answers.append(answer)
        self.withheld.note(answer)
        return answer

    async def read(self, url: str) -> Answer:
        """A document, where redirects lead to if need be, as clients read it."""
        first = answer = await self.ask("GET", url, headers={"Accept": "application/json"})
        for _ in range(_MOST_HOPS):
            target = _target(answer)
            if target is None:
                break
            answer = await self.ask("GET", target, headers={"Accept": "application/json"})
        return answer if answer is first else replace(answer, url=url, moved_to=answer.url)

    async def browse(self, url: str, redirect_uri: str) -> Visited:
        """What somebody's browser is shown that a client sends there: redirects are followed on the same origin."""
        cookies = httpx.Cookies()
        first = answer = await self.ask("GET", url, cookies, headers={"Accept": "text/html"})
        for _ in range(_MOST_HOPS):
            target = _target(answer)
            if target is None or origin(target) != origin(url) or target.startswith(redirect_uri):
                break
            answer = await self.ask("GET", target, cookies, headers={"Accept": "text/html"})
        return Visited(redirect_uri, first, answer)

    async def obstacle(self, url: str) -> str:
        """Why it is not gone to, if it is not."""
        if not is_url(url):
            return f"{shown(url)} is no address of the web"
        if self._slow[origin(url)] >= _MOST_SLOW:
            return "it has been too slow too often, and was not asked any more"
        if not self._near and reach(await self._names.addresses(host(url))) in _HERE:
            return "it is an address of this network, and was not asked on the word of a server elsewhere"
        return ""

    async def _send(self, method: str, url: str, cookies: httpx.Cookies | None, options: dict[str, Any]) -> Answer:
        response: httpx.Response | None = None
        body = bytearray()
        problem = ""
        try:
            async with asyncio.timeout(self._patience):
                response = await self._http.send(self._request(method, url, cookies, options), stream=True)
                await reading.read(response, body)
        except TimeoutError:
            problem = f"it did not come to an end within {self._patience:.0f} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            problem = f"{type(error).__name__}: {error}".rstrip(": ")
        finally:
            if response is not None:
                await response.aclose()
        if response is None:
            return Answer(method, url, 0, problem=problem)
        if cookies is not None:
            cookies.extract_cookies(response)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            method, url, response.status_code, headers, reading.text_of(bytes(body), headers), problem=problem
        )

    def _request(self, method: str, url: str, cookies: httpx.Cookies | None, options: dict[str, Any]) -> httpx.Request:
        self._http.cookies.clear()
        request = self._http.build_request(method, url, timeout=self._patience, **options)
        request.headers["Accept-Encoding"] = "identity"
        if cookies is not None:
            cookies.set_cookie_header(request)
        return request


def _target(answer: Answer) -> str | None:
    """Where a redirect leads to, if it leads anywhere."""
    if not answer.location:
        return None
    try:
        target = urljoin(answer.url, answer.location)
    except ValueError:
        return None
    return target if is_url(target) else None
