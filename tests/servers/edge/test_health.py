"""GET /health and GET /ready, with each of the two things that readiness needs."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from mcp_auth.supabase.client import SupabaseClient
from oauth.foundation.credentials import KeyEncryption
from oauth.key_ring import KeyRing
from oauth.stores.opening import open_database, store_on
from servers.edge.health import health_routes
from servers.observability.status import StatusProbe
from tests.support.clock import SettableClock


class Node:
    """key_ring: without keys until it is loaded."""

    def __init__(self, key_ring: KeyRing, http: httpx.AsyncClient) -> None:
        self.key_ring = key_ring
        self.http = http


@pytest.fixture
async def node(database_url: str, clock: SettableClock) -> AsyncIterator[Node]:
    database = await open_database(database_url)
    store = store_on(database)
    ring = KeyRing(store.signing_keys, KeyEncryption(("a-root-secret",), os.urandom), timedelta(minutes=30))
    async with httpx.AsyncClient() as outbound:
        probe = StatusProbe(store.upkeep, ring, SupabaseClient("http://127.0.0.1:9", "key", outbound), clock)
        transport = httpx.ASGITransport(Starlette(routes=health_routes(probe)))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            yield Node(ring, http)
    await database.close()


# SEED-25
async def test_node_without_signing_keys_lives_and_is_not_ready(node: Node, clock: SettableClock) -> None:
    assert (await node.http.get("/health")).status_code == 200
    refused = await node.http.get("/ready")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json() == {"status": "not ready", "database": "operational", "keys": "down"}
    await node.key_ring.load(clock())
    assert (await node.http.get("/ready")).status_code == 200


# SEED-25: readiness is about this node. While Supabase is down it would take all of them out of service.
async def test_node_is_ready_whatever_supabase_does(node: Node, clock: SettableClock) -> None:
    await node.key_ring.load(clock())
    ready = await node.http.get("/ready")
    assert ready.json() == {"status": "ready", "database": "operational", "keys": "operational"}
