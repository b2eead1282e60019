"""A client that is a web page of another origin: what it does without a server of its own (F-20)."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.support import npm
from tests.support.gateway import USER, Gateway
from tests.support.live_server import bind, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = Path(__file__).with_name("browser_client.html")


@pytest.fixture(scope="module")
def page_url() -> Iterator[str]:
    """Where the page is served; `localhost` is another origin than the gateway's 127.0.0.1."""
    library = npm.install() / "node_modules/oauth4webapi/build/index.js"

    @asynccontextmanager
    async def app() -> AsyncIterator[ASGIApp]:
        files = {"/app": (PAGE, "text/html"), "/oauth4webapi.js": (library, "text/javascript")}
        yield Starlette(
            routes=[
                Route(path, lambda _, file=file, kind=kind: FileResponse(file, media_type=kind))
                for path, (file, kind) in files.items()
            ]
        )

    listening, url = bind()
    with serving(app, listening):
        yield url.replace("127.0.0.1", "localhost")


async def test_page_of_another_origin_connects_calls_refreshes_revokes_and_reads_its_refusals(
    gateway: Gateway, chromium: Browser, page_url: str
) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{page_url}/app?server={gateway.url}/mcp")
    await page.wait_for_url(f"{gateway.url}/signin?*")
    await page.fill("#email", USER.email)
    await page.fill("#password", USER.password)
    await page.click("button.primary")
    await page.click("button[value=allow]")
    await page.wait_for_url(f"{page_url}/app?code=*")
    await page.wait_for_function("document.title.startsWith('{')")
    told = json.loads(await page.title())
    await context.close()
    assert told.pop("header", "").startswith("Bearer "), told
    assert told == {"resource": f"{gateway.url}/mcp", "spent": "invalid_grant", "ended": 401}
