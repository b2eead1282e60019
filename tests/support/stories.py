"""What `mcp-auth explain` knows of a gateway, as another process reads it."""

import re
from collections.abc import Callable

import httpx
from sqlalchemy import func, select

from oauth.foundation.vocabulary import Step
from oauth.stores.opening import OpenDatabase
from oauth.stores.sql.tables import flow_steps
from servers.explain.history import ConnectionAttempt, find_attempts
from tests.support.browser import Browser
from tests.support.gateway import Gateway
from tests.support.raw_client import RawClient

Eventually = Callable[[Callable[[], bool]], None]
EVERYTHING = [
    Step.CHALLENGED,
    Step.RESOURCE_METADATA,
    Step.SERVER_METADATA,
    Step.REGISTERED,
    Step.AUTHORIZATION_REQUESTED,
    Step.SIGNED_IN,
    Step.CONSENTED,
    Step.TOKEN_ISSUED,
    Step.CALLED,
]


def discover(client: RawClient) -> None:
    """As clients do before anything else."""
    assert client.call_tool(None).status_code == 401
    client.http.get(f"{client.node}/.well-known/oauth-protected-resource/mcp")
    client.http.get(f"{client.node}/.well-known/oauth-authorization-server")


def at_network(caller: RawClient | Browser, address: str) -> None:
    """From now on it comes from there; the gateway has one trusted proxy."""
    caller.http.headers["X-Forwarded-For"] = address


def stories(gateway: Gateway, name: str) -> tuple[ConnectionAttempt, ...]:
    return gateway.store(lambda store: find_attempts(name, store.flow_history)).told


def story(gateway: Gateway, name: str) -> ConnectionAttempt | None:
    """The newest."""
    return next(iter(stories(gateway, name)), None)


def steps_of(gateway: Gateway, name: str) -> list[Step]:
    found = story(gateway, name)
    return [] if found is None else [step.step for step in found.steps]


def written(
    gateway: Gateway, name: str, step: Step, eventually: Eventually, reason: str | None = None
) -> ConnectionAttempt:
    """The newest story, once it has got so far."""

    def arrived() -> bool:
        found = story(gateway, name)
        return found is not None and any((each.step, each.reason) == (step, reason) for each in found.steps)

    eventually(arrived)
    found = story(gateway, name)
    assert found is not None
    return found


def count(gateway: Gateway) -> int:
    """How many steps have been written down."""

    async def counted(database: OpenDatabase) -> int:
        query = select(func.count()).select_from(flow_steps)
        return await database.read(lambda connection: connection.execute(query).scalar_one())

    return gateway.database(counted)


def everything_written(gateway: Gateway) -> str:
    """All that stands in the table."""

    async def texts(database: OpenDatabase) -> str:
        return await database.read(lambda connection: repr(connection.execute(select(flow_steps)).all()))

    return gateway.database(texts)


def flow_id_on(page: httpx.Response) -> str:
    (found,) = re.findall(r"<code>(fl_[a-z2-7]{16})</code>", page.text)
    return str(found)
