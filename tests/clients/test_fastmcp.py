"""fastmcp's Client, with auth="oauth" as its users write it: it opens a browser and listens for the answer."""

import asyncio
import contextlib
import threading
import webbrowser
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.memory import MemoryStore
from sqlalchemy import Connection, delete

from oauth.stores.sql import tables
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, Gateway, RunningSupabase, running_gateway
from tests.support.person import Person

# Its advice for programs that are to remember, which most of these are not.
pytestmark = pytest.mark.filterwarnings("ignore:Using in-memory token storage")


class PersonsBrowser(webbrowser.BaseBrowser):
    """What opens when a program asks for a browser."""

    def __init__(self, person: Person) -> None:
        super().__init__("person")
        self._person = person

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: ARG002
        threading.Thread(target=self._person.visit_and_return, args=(url,), daemon=True).start()
        return True


@contextlib.contextmanager
def opens_the_browser_of(person: Person) -> Iterator[Person]:
    webbrowser.register("person", None, PersonsBrowser(person), preferred=True)
    yield person
    webbrowser._tryorder.remove("person")  # type: ignore[attr-defined] # there is no way to take it back
    del webbrowser._browsers["person"]  # type: ignore[attr-defined]


@pytest.fixture
def person(gateway: Gateway) -> Iterator[Person]:
    with opens_the_browser_of(Person(gateway)) as person:
        yield person


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_client_signs_in_through_the_browser_and_calls_a_tool(
    gateway: Gateway, person: Person, mode: str
) -> None:
    async with Client(f"{gateway.url}/mcp", auth="oauth", mode=mode) as client:
        assert {tool.name for tool in await client.list_tools()} == {"whoami", "user_system_status"}
        result = await client.call_tool("whoami", {})
        assert result.structured_content is not None
        assert result.structured_content["data"]["role"] == "user"
    assert person.visits == 1


async def test_client_refreshes_without_asking_the_person(
    gateway: Gateway, person: Person, clock: SettableClock
) -> None:
    auth = OAuth(token_storage=MemoryStore())
    async with Client(f"{gateway.url}/mcp", auth=auth) as client:
        await client.call_tool("whoami", {})
        clock.advance(minutes=31)
        auth.context.token_expiry_time = 1  # its clock has moved on as well
        await client.call_tool("whoami", {})
    assert person.visits == 1


async def test_client_is_still_signed_in_after_client_and_server_were_restarted(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    storage = MemoryStore()
    with running_gateway(sqlite_url, supabase, clock) as before, opens_the_browser_of(Person(before)) as person:
        async with Client(f"{before.url}/mcp", auth=OAuth(token_storage=storage)) as client:
            await client.call_tool("whoami", {})
        port = int(urlsplit(before.url).port or 0)
    auth = OAuth(token_storage=storage)
    with running_gateway(sqlite_url, supabase, clock, port_to_bind=port) as after, opens_the_browser_of(person):
        async with Client(f"{after.url}/mcp", auth=auth) as client:
            await client.call_tool("whoami", {})
            clock.advance(minutes=31)
            auth.context.token_expiry_time = 1
            await client.call_tool("whoami", {})
    assert person.visits == 1


async def test_client_whose_registration_is_gone_registers_again(
    gateway: Gateway, person: Person, clock: SettableClock
) -> None:
    def forget(connection: Connection) -> None:
        connection.execute(delete(tables.grants))
        connection.execute(delete(tables.clients))

    storage = MemoryStore()
    async with Client(f"{gateway.url}/mcp", auth=OAuth(token_storage=storage)) as client:
        await client.call_tool("whoami", {})
    await asyncio.to_thread(gateway.database, lambda database: database.write(forget))
    clock.advance(minutes=31)
    async with Client(f"{gateway.url}/mcp", auth=OAuth(token_storage=storage)) as client:
        await client.call_tool("whoami", {})
    assert person.visits == 2


async def test_administrator_reaches_the_admin_server(gateway: Gateway, person: Person) -> None:
    person.account = ADMIN
    async with Client(f"{gateway.url}/mcp-admin", auth="oauth") as client:
        result = await client.call_tool("admin_system_status", {})
        assert result.structured_content is not None
        assert result.structured_content["data"]["overall"] == "operational"
