"""The pages in a real Chromium, in front of a gateway on SQLite."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from oauth.foundation.vocabulary import Role
from tests.support.callback import Callback, callback
from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.gateway import ADMIN, Gateway, running_gateway, running_supabase

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def _shared_gateway(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[Gateway]:
    folder, clock = tmp_path_factory.mktemp("pages"), SettableClock()
    with (
        running_supabase(folder / "supabase", clock) as supabase,
        sqlite_template.database(folder) as url,
        running_gateway(url, supabase, clock, service_name="Acme Notes") as running,
    ):
        running.set_role(ADMIN, Role.ADMIN)
        yield running


@pytest.fixture
def gateway(_shared_gateway: Gateway) -> Iterator[Gateway]:
    yield _shared_gateway
    _shared_gateway.supabase.stand_in.faults.clear()
    _shared_gateway.close()


@pytest.fixture
def waiting() -> Iterator[Callback]:
    """The program that sent the person to the browser."""
    with callback() as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has to have a Chromium: .ci/run installs it")
        pytest.skip("needs Chromium: install it, or set CHROMIUM to the path of one")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()
