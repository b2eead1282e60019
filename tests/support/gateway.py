"""The whole gateway over HTTP: a real server and database, the stand-in for Supabase, a clock that can be set."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp

from mcp_auth.users.models import Identity
from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Role, Subject
from oauth.protocol.models import Revocation, RevocationKind
from oauth.remote.fetching import INTERNET, Network
from oauth.revocation import Revoker, announce_to_nobody
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import Store
from servers.app import create_app
from servers.commands.worker import load_routes, load_tools
from servers.composition.background import Intervals
from servers.configuration.loading import load
from servers.configuration.settings import GatewaySettings
from servers.local_supabase import DEMO_ACCOUNTS, LocalSupabase, open_local_supabase
from servers.operations.actor import Actor, ActorKind
from servers.operations.users import accounts_on, deactivate_user
from tests.support.browser import Browser
from tests.support.clock import SettableClock
from tests.support.live_server import Running, bind, serving, with_lifespan
from tests.support.raw_client import RawClient, answer_of

T = TypeVar("T")

USER, AGENT, ADMIN = DEMO_ACCOUNTS
# What a node does every second or two it does here all the time; what it promises is tried with processes of its own.
_SOON = timedelta(milliseconds=250)
SOON = Intervals(revocations=_SOON, sightings=_SOON, flow_history=_SOON, request_counts=_SOON, open_streams=_SOON)
SECRET = "a-root-secret-for-tests-0123456789-abcdefghij"


@dataclass(frozen=True, slots=True)
class RunningSupabase:
    """The stand-in, and the thread that it runs in."""

    url: str
    stand_in: LocalSupabase
    running: Running


@contextlib.contextmanager
def running_supabase(folder: Path, clock: SettableClock) -> Iterator[RunningSupabase]:
    listening, url = bind()
    opened: list[LocalSupabase] = []

    @contextlib.asynccontextmanager
    async def open_app() -> AsyncIterator[ASGIApp]:
        async with open_local_supabase(folder, public_url=url, clock=clock, password_cost=4) as supabase:
            opened.append(supabase)
            yield supabase.app

    with serving(open_app, listening) as running:
        yield RunningSupabase(url, opened[0], running)


def settings_for(url: str, database_url: str, supabase: RunningSupabase, **more: Any) -> GatewaySettings:  # noqa: ANN401
    given = {
        "public_url": url,
        "secret": SECRET,
        "supabase_url": supabase.url,
        "supabase_publishable_key": supabase.stand_in.publishable_key,
        "supabase_secret_key": supabase.stand_in.secret_key,
        "database_url": database_url,
        "code_answer_milliseconds": 0,
        "registrations_per_address": 100_000,
        "requests_per_minute": 0,
    }
    return load(**{**given, **more})


@dataclass
class Gateway:
    """A gateway that runs, and what a test does with it."""

    url: str
    settings: GatewaySettings
    clock: SettableClock
    supabase: RunningSupabase
    listens_at: str
    _open: list[Any] = field(default_factory=list)
    _roles_set: Iterator[int] = field(default_factory=itertools.count)

    def browser(self) -> Browser:
        return self.close_later(Browser(self.url))

    def client(self, **options: Any) -> RawClient:  # noqa: ANN401
        return self.close_later(RawClient(self.url, listens_at=self.listens_at, **options))

    def client_at(self, node: str) -> RawClient:
        """A client that talks to a node of this gateway by its own address."""
        return self.close_later(RawClient(self.url, listens_at=node))

    def registered(self, **metadata: object) -> RawClient:
        client = self.client()
        assert client.register(**metadata).status_code == 201
        return client

    def code(self, client: RawClient, account: Any = USER, **changed: str | None) -> str:  # noqa: ANN401
        """A person signs in and agrees; the code that the client gets."""
        redirect = self.browser().connect(client.authorization_url(**changed), account.email, account.password)
        return answer_of(redirect)["code"]

    def tokens(self, client: RawClient, account: Any = USER, **changed: str | None) -> dict[str, Any]:  # noqa: ANN401
        """The token response of a whole sign-in."""
        resource = changed.get("resource", f"{self.url}/mcp")
        response = client.redeem(self.code(client, account, **changed), resource=resource)
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    def tokens_with(self, client: RawClient, redeem: Callable[[str], httpx.Response]) -> dict[str, Any]:
        """The same, for a client that redeems in its own way."""
        response = redeem(self.code(client))
        assert response.status_code == 200, response.text
        tokens: dict[str, Any] = response.json()
        return tokens

    def database(self, work: Callable[[OpenDatabase], Awaitable[T]]) -> T:
        """Do something at the database, as another node would."""

        async def run() -> T:
            database = await open_database(self.settings.database_url)
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(run())

    def store(self, work: Callable[[Store], Awaitable[T]]) -> T:
        return self.database(lambda database: work(store_on(database)))

    def set_role(self, account: Any, role: Role) -> None:  # noqa: ANN401
        async def work(database: OpenDatabase) -> None:
            users, now = UserStore(database), self.clock()
            await users.get_or_create(Identity(Subject(account.id), account.email, None), now)
            await users.set_role(Subject(account.id), role, now)
            # The clock may stand still, and what is not newer is no news.
            recorded_at = now + timedelta(microseconds=next(self._roles_set))
            news = Revocation(RevocationKind.STANDING, account.id, recorded_at, now + timedelta(minutes=10))
            await store_on(database).revocations.add(news)

        self.database(work)

    def deactivate(self, account: Any) -> None:  # noqa: ANN401
        """As an administrator does, on another node."""

        async def work(database: OpenDatabase) -> None:
            accounts, subject = accounts_on(database), Subject(account.id)
            await accounts.users.get_or_create(Identity(subject, account.email, None), self.clock())
            revoker = Revoker(store_on(database), announce_to_nobody, self.clock, timedelta(hours=1))
            await deactivate_user(subject, Actor(ActorKind.ADMINISTRATOR, ADMIN.id), accounts, revoker)

        self.database(work)

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def close_later(self, opened: T) -> T:
        """→ what it was given."""
        self._open.append(opened)
        return opened


@contextlib.contextmanager
def running_gateway(
    database_url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    port_to_bind: int = 0,
    as_node_of: Gateway | None = None,
    network: Network = INTERNET,
    intervals: Intervals = SOON,
    **settings: Any,  # noqa: ANN401
) -> Iterator[Gateway]:
    listening, url = bind(port_to_bind)
    public_url = as_node_of.url if as_node_of is not None else url
    configured = settings_for(public_url, database_url, supabase, **settings)
    app = create_app(
        configured,
        clock=clock,
        add_tools=load_tools(configured),
        add_routes=load_routes(configured),
        network=network,
        intervals=intervals,
    )
    with serving(with_lifespan(app), listening):
        gateway = Gateway(public_url, configured, clock, supabase, listens_at=url)
        try:
            yield gateway
        finally:
            gateway.close()
