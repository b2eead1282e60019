"""Registrations that come and go while something else happens."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import RawClient


@contextmanager
def removed_meanwhile(gateway: Gateway, client: RawClient) -> Iterator[None]:
    """What is asked for within has seen the client, and writes when it is gone."""
    path = gateway.settings.database_url.removeprefix("sqlite:///")
    removing = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    removing.execute("BEGIN IMMEDIATE")
    removing.execute("DELETE FROM clients WHERE client_id = ?", [client.client_id])
    committing = threading.Timer(1, removing.execute, ["COMMIT"])
    committing.start()
    yield
    committing.join()
    removing.close()


# P-13: never an error of ours.
@pytest.mark.parametrize("endpoint", ["/authorize", "/par"])
def test_client_that_goes_while_it_asks_is_an_unknown_client(sqlite_gateway: Gateway, endpoint: str) -> None:
    client = sqlite_gateway.registered()
    with removed_meanwhile(sqlite_gateway, client):
        began = time.monotonic()
        answer = client.push() if endpoint == "/par" else client.http.get(client.authorization_url())
        assert time.monotonic() - began > 0.5  # it waited for the writer, so it had read before
    if endpoint == "/par":
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    else:
        assert answer.status_code == 400
        assert "not registered here" in answer.text


# STD-127: an object is one, however empty.
def test_registration_that_says_nothing_is_told_what_it_lacks(sqlite_gateway: Gateway) -> None:
    refused = httpx.post(f"{sqlite_gateway.url}/register", json={})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_redirect_uri")


_GIVE = """INSERT INTO grants (grant_id, subject, client_id, resource, scope, auth_time, acr, created_at, expires_at)
VALUES ('gr_new', 'somebody', $1, 'https://x.test/mcp', 'mcp:read', 0, 'aal1', 0, 0)"""


# D-19, STD-137: a grant that is being given while its client is removed ends with it.
async def test_client_is_removed_with_a_grant_that_it_is_given_at_that_moment(
    postgresql_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(postgresql_url, supabase, clock) as gateway:
        registered = gateway.client().register().json()
        connection = await asyncpg.connect(postgresql_url)
        giving = connection.transaction()
        await giving.start()
        await connection.execute(_GIVE, registered["client_id"])
        headers = {"Authorization": f"Bearer {registered['registration_access_token']}"}
        removing = asyncio.create_task(
            asyncio.to_thread(httpx.delete, registered["registration_client_uri"], headers=headers)
        )
        await asyncio.sleep(0.5)
        assert not removing.done()
        await giving.commit()
        assert (await removing).status_code == 204
        assert await connection.fetch("SELECT * FROM grants") == []
        assert len(await connection.fetch("SELECT * FROM revocations WHERE value = $1", "gr_new")) == 1
        await connection.close()
