"""RFC 7592, registering twice, and who may register at all."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import product

import asyncpg
import httpx
import pytest

from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol.models import Client, Registration
from oauth.stores.opening import open_database, store_on
from oauth.stores.ports import Store
from tests.support.builders import make_client
from tests.support.clock import SettableClock
from tests.support.gateway import Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import CALLBACK, RawClient

Eventually = Callable[[Callable[[], bool]], None]
METADATA = {
    "client_name": "Same app",
    "redirect_uris": [CALLBACK],
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
}


@pytest.fixture
async def stored(database_url: str) -> AsyncIterator[Store]:
    database = await open_database(database_url)
    yield store_on(database)
    await database.close()


class Managed:
    """A client that holds its registration token."""

    def __init__(self, gateway: Gateway, **metadata: object) -> None:
        self.client = gateway.client()
        self.registered = self.client.register(**metadata).json()
        self.uri = self.registered["registration_client_uri"]
        self.headers = {"Authorization": f"Bearer {self.registered['registration_access_token']}"}

    def send(self, method: str, **options: object) -> httpx.Response:
        sent = {"headers": self.headers, **options}
        return self.client.http.request(method, self.uri, **sent)  # type: ignore[arg-type]

    def change(self, **changed: object) -> httpx.Response:
        body = {**METADATA, "client_id": self.registered["client_id"], **changed}
        return self.send("PUT", json={name: value for name, value in body.items() if value is not None})


# STD-135
def test_client_reads_its_own_registration(gateway: Gateway) -> None:
    managed = Managed(gateway, scope="mcp:read")
    answer = managed.send("GET")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == managed.registered


# STD-135
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_registration_is_nobody_elses_business(sqlite_gateway: Gateway, method: str) -> None:
    mine, other = Managed(sqlite_gateway), Managed(sqlite_gateway)
    tokens = ["", "Bearer", "Bearer rg_unknown", other.headers["Authorization"], f"Basic {mine.uri}"]
    for authorization in tokens:
        refused = mine.send(
            method, headers={"Authorization": authorization}, json=METADATA if method == "PUT" else None
        )
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        assert refused.headers["www-authenticate"].startswith("Bearer ")
    unknown = httpx.request(method, f"{sqlite_gateway.url}/register/client_unknown", headers=mine.headers)
    assert unknown.status_code == 401
    assert mine.send("GET").status_code == 200


# STD-135: PostgreSQL cannot be asked for an id with a NUL in it.
def test_what_cannot_be_a_client_is_no_registration(gateway: Gateway) -> None:
    mine = Managed(gateway)
    for method, name in product(("GET", "PUT", "DELETE"), ("%00", "client_%00", "%C3%A9", "%FF", "%0A")):
        refused = httpx.request(method, f"{gateway.url}/register/{name}", headers=mine.headers)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")


def test_changed_registration_is_the_one_in_force(gateway: Gateway) -> None:
    managed = Managed(gateway)
    changed = managed.change(client_name="Renamed", redirect_uris=["https://app.example/new"], scope="mcp:write")
    assert changed.status_code == 200
    body = changed.json()
    assert (body["client_name"], body["redirect_uris"], body["scope"]) == (
        "Renamed",
        ["https://app.example/new"],
        "mcp:write",
    )
    assert managed.send("GET").json() == body
    page = managed.client.http.get(managed.client.authorization_url())
    assert page.status_code == 400
    assert "redirect_uri is not one that the client registered" in page.text


# STD-210
def test_redirect_that_is_given_up_gets_no_answer_to_a_request_under_way(gateway: Gateway) -> None:
    managed = Managed(gateway)
    browser = gateway.browser()
    page = browser.get(managed.client.authorization_url())
    managed.change(redirect_uris=["https://app.example/new"])
    refused = browser.get(str(page.url))
    assert refused.status_code == 400
    assert "no longer valid" in refused.text


# STD-136
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": None}, "invalid_client_metadata"),
        ({"client_id": "client_other"}, "invalid_client_metadata"),
        ({"registration_access_token": "rg_x"}, "invalid_client_metadata"),
        ({"registration_client_uri": "https://x.example/"}, "invalid_client_metadata"),
        ({"client_secret_expires_at": 0}, "invalid_client_metadata"),
        ({"client_id_issued_at": 0}, "invalid_client_metadata"),
        ({"client_secret": "cs_guessed"}, "invalid_client_metadata"),
        ({"redirect_uris": ["http://evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"require_pushed_authorization_requests": "yes"}, "invalid_client_metadata"),
    ],
)
def test_change_that_could_not_have_been_registered_changes_nothing(
    sqlite_gateway: Gateway, changed: dict[str, object], error: str
) -> None:
    managed = Managed(sqlite_gateway)
    refused = managed.change(**changed)
    assert (refused.status_code, refused.json()["error"]) == (400, error)
    assert managed.send("GET").json() == managed.registered


# STD-136
def test_client_that_was_switched_off_cannot_switch_itself_on(gateway: Gateway) -> None:
    managed = Managed(gateway)
    client_id = ClientId(managed.registered["client_id"])
    gateway.store(lambda store: _disable(store, client_id, gateway.clock))
    for method in ("GET", "PUT", "DELETE"):
        assert managed.send(method, json=METADATA if method == "PUT" else None).status_code == 403
    stored = gateway.store(lambda store: store.clients.get(client_id))
    assert stored is not None
    assert stored.disabled_at is not None


async def test_change_loses_against_being_switched_off_meanwhile(stored: Store, clock: SettableClock) -> None:
    client = make_client(secret=None)
    token = Digest(b"t" * 32)
    managed = _with(client, registration_token_digest=token)
    await stored.clients.put(_with(managed, disabled_at=clock()))
    assert not await stored.clients.change_registration(_with(managed, name="Renamed"), token)
    found = await stored.clients.get(client.client_id)
    assert found is not None
    assert (found.name, found.disabled_at) == (client.name, clock())


# STD-137
def test_client_that_deletes_itself_takes_its_grants_with_it(
    gateway: Gateway, supabase: RunningSupabase, clock: SettableClock, eventually: Eventually
) -> None:
    managed = Managed(gateway)
    tokens = gateway.tokens(managed.client)
    with running_gateway(gateway.settings.database_url, supabase, clock, as_node_of=gateway) as other:
        elsewhere = other.client()
        assert elsewhere.call_tool(tokens["access_token"]).status_code == 200
        assert managed.send("DELETE").status_code == 204
        assert managed.client.call_tool(tokens["access_token"]).status_code == 401
        eventually(lambda: elsewhere.call_tool(tokens["access_token"]).status_code == 401)
    assert managed.client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_client"
    assert managed.send("GET").status_code == 401


def test_client_that_comes_to_need_a_secret_is_given_one_and_keeps_it(gateway: Gateway) -> None:
    managed = Managed(gateway)
    secret = managed.change(token_endpoint_auth_method="client_secret_post").json()["client_secret"]
    again = managed.change(token_endpoint_auth_method="client_secret_post", client_secret=secret)
    assert again.status_code == 200
    assert "client_secret" not in again.json()
    answer = managed.client.token(grant_type="refresh_token", refresh_token="rt_x", client_secret=secret)
    assert answer.json()["error"] == "invalid_grant"
    assert managed.change(token_endpoint_auth_method="none").status_code == 200
    assert managed.client.refresh("rt_x").json()["error"] == "invalid_grant"


# STD-134
def test_registration_token_is_stored_as_a_digest(gateway: Gateway) -> None:
    managed = Managed(gateway)
    stored = gateway.store(lambda store: store.clients.get(ClientId(managed.registered["client_id"])))
    assert stored is not None
    assert stored.registration_token_digest is not None
    assert managed.registered["registration_access_token"].encode() not in stored.registration_token_digest


# P-3
def test_same_client_from_the_same_source_is_registered_once(gateway: Gateway) -> None:
    first, second = (gateway.client().register(**METADATA) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json()["client_id"] == first.json()["client_id"]
    assert len(gateway.store(lambda store: store.clients.newest(10))) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"client_name": "Another app"},
        {"redirect_uris": ["https://app.example/cb"]},
        {"scope": "mcp:write"},
        {"grant_types": ["authorization_code"]},
        {"require_pushed_authorization_requests": True},
        {"token_endpoint_auth_method": "client_secret_basic"},
    ],
)
def test_other_metadata_is_another_client(sqlite_gateway: Gateway, changed: dict[str, object]) -> None:
    first = sqlite_gateway.client().register(**METADATA).json()["client_id"]
    assert sqlite_gateway.client().register(**{**METADATA, **changed}).json()["client_id"] != first


def test_same_metadata_from_elsewhere_is_another_client(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, trusted_proxy_hops=1) as gateway:
        answers = [
            httpx.post(f"{gateway.url}/register", json=METADATA, headers={"X-Forwarded-For": address})
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")
        ]
        ids = [answer.json()["client_id"] for answer in answers]
    assert ids[0] == ids[2] != ids[1]


def test_clients_with_secrets_are_never_shared(sqlite_gateway: Gateway) -> None:
    with_secret = {**METADATA, "token_endpoint_auth_method": "client_secret_post"}
    first, second = (sqlite_gateway.client().register(**with_secret).json() for _ in range(2))
    assert first["client_id"] != second["client_id"]
    assert first["client_secret"] != second["client_secret"]


def test_registration_that_two_share_is_managed_by_neither(gateway: Gateway) -> None:
    managed = Managed(gateway, **METADATA)
    again = gateway.client().register(**METADATA).json()
    assert "registration_access_token" not in again
    assert managed.send("DELETE").status_code == 401
    client = gateway.client()
    client.client_id = again["client_id"]
    assert gateway.tokens(client)["access_token"]


def test_unused_registration_that_is_asked_for_again_lasts_as_long_as_a_new_one(
    gateway: Gateway, clock: SettableClock
) -> None:
    first = gateway.client().register(**METADATA).json()["client_id"]
    clock.advance(hours=23)
    gateway.client().register(**METADATA)
    clock.advance(hours=23)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert gateway.client().register(**METADATA).json()["client_id"] == first


def test_registration_in_use_does_not_begin_to_expire_when_it_is_asked_for_again(
    gateway: Gateway, clock: SettableClock
) -> None:
    client = gateway.client()
    client.register(**METADATA)
    tokens = gateway.tokens(client)
    gateway.client().register(**METADATA)
    clock.advance(days=2)
    gateway.store(lambda store: store.upkeep.sweep(clock(), 100))
    assert client.refresh(tokens["refresh_token"]).status_code == 200


async def test_of_many_registrations_of_one_client_at_once_one_is_kept(stored: Store, clock: SettableClock) -> None:
    clients = [_with(make_client(client_id=f"client_{n}"), registered_as=Digest(b"f" * 32)) for n in range(20)]
    added = await asyncio.gather(*(stored.clients.register(each, 100, clock()) for each in clients))
    assert len({client.client_id for client in added if client is not None}) == 1
    assert len(await stored.clients.newest(100)) == 1


# STD-133
async def test_one_too_many_unused_clients_costs_the_oldest_its_place(stored: Store, clock: SettableClock) -> None:
    now = clock()
    for number in range(3):
        unused = _with(
            make_client(client_id=f"client_{number}"),
            created_at=now - timedelta(hours=3 - number),
            expires_at=now + timedelta(hours=number + 1),
        )
        assert await stored.clients.register(unused, 3, now) is not None
    newest = _with(make_client(client_id="client_new"), created_at=now, expires_at=now + timedelta(hours=24))
    assert await stored.clients.register(newest, 3, now - timedelta(minutes=15)) is not None
    assert {client.client_id for client in await stored.clients.newest(10)} == {"client_1", "client_2", "client_new"}


# STD-133
async def test_fresh_registrations_are_not_pushed_out_and_used_ones_never(stored: Store, clock: SettableClock) -> None:
    now = clock()
    used = _with(make_client(client_id="client_used"), created_at=now - timedelta(days=9))
    fresh = _with(make_client(client_id="client_fresh"), created_at=now, expires_at=now + timedelta(hours=24))
    assert await stored.clients.register(used, 1, now) is not None
    assert await stored.clients.register(fresh, 1, now) is not None
    later = _with(fresh, client_id=ClientId("client_later"))
    assert await stored.clients.register(later, 1, now - timedelta(minutes=15)) is None
    assert {client.client_id for client in await stored.clients.newest(10)} == {"client_used", "client_fresh"}


# STD-133
async def test_where_all_are_fresh_a_client_goes_whose_last_grant_has_gone(stored: Store, clock: SettableClock) -> None:
    now = clock()
    for name, until in (("former", timedelta(days=29)), ("fresh", timedelta(hours=24)), ("latest", timedelta(days=30))):
        unused = _with(make_client(client_id=f"client_{name}"), created_at=now, expires_at=now + until)
        assert await stored.clients.register(unused, 3, now) is not None
    newest = _with(make_client(client_id="client_new"), created_at=now, expires_at=now + timedelta(hours=24))
    assert await stored.clients.register(newest, 3, now - timedelta(minutes=15)) is not None
    assert {client.client_id for client in await stored.clients.newest(10)} == {
        "client_fresh",
        "client_latest",
        "client_new",
    }


# STD-133
async def test_that_too_many_came_in_one_moment_is_made_up_for(stored: Store, clock: SettableClock) -> None:
    now, lifetime = clock(), timedelta(hours=24)
    before = now - timedelta(hours=1)
    for number in range(5):
        old = _with(make_client(client_id=f"client_{number}"), created_at=before, expires_at=before + lifetime)
        assert await stored.clients.register(old, 5, now) is not None
    newest = _with(make_client(client_id="client_new"), created_at=now, expires_at=now + lifetime)
    assert await stored.clients.register(newest, 3, now - timedelta(minutes=15)) is not None
    assert len(await stored.clients.newest(10)) == 3


def test_full_house_asks_to_come_back_later(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> None:
    with running_gateway(sqlite_url, supabase, clock, unused_registrations=100) as gateway:
        answers = [gateway.client().register() for _ in range(101)]
        assert [answer.status_code for answer in answers] == [201] * 100 + [429]
        assert answers[-1].headers["retry-after"] == "900"
        clock.advance(minutes=16)
        assert gateway.client().register().status_code == 201
        assert len(gateway.store(lambda store: store.clients.newest(200))) == 100


def test_registration_can_be_for_holders_of_an_initial_access_token_alone(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    token = "an-initial-access-token-0123456789"
    with running_gateway(sqlite_url, supabase, clock, initial_access_tokens=(token,)) as gateway:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"}):
            refused = httpx.post(f"{gateway.url}/register", json=METADATA, headers=headers)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        admitted = httpx.post(f"{gateway.url}/register", json=METADATA, headers={"Authorization": f"Bearer {token}"})
        assert admitted.status_code == 201


# STD-73: an error is for credentials that were sent.
def test_challenge_names_an_error_only_where_a_token_was_sent(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    tokens = ("an-initial-access-token-0123456789",)
    with running_gateway(sqlite_url, supabase, clock, initial_access_tokens=tokens) as gateway:
        for method, path in (("POST", "/register"), ("GET", "/register/client_unknown")):
            for headers, challenge in (
                ({}, 'Bearer realm="registration"'),
                ({"Authorization": ""}, 'Bearer realm="registration"'),
                ({"Authorization": "Bearer wrong"}, 'Bearer realm="registration", error="invalid_token"'),
            ):
                refused = httpx.request(method, f"{gateway.url}{path}", headers=headers)
                assert (refused.status_code, refused.headers["www-authenticate"]) == (401, challenge)


def test_registration_can_be_for_redirects_to_some_hosts_alone(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    hosts = ("app.example", "localhost", "com.example.app:")
    with running_gateway(sqlite_url, supabase, clock, registration_redirect_hosts=hosts) as gateway:
        admitted = ["https://app.example/cb", "http://127.0.0.1/cb", "http://localhost:1/cb", "com.example.app:/cb"]
        for uri in admitted:
            assert gateway.client().register(redirect_uris=[uri]).status_code == 201
        for uri in ("https://evil.example/cb", "https://x.app.example/cb", "com.example:/cb"):
            refused = gateway.client().register(redirect_uris=["https://app.example/cb", uri])
            assert refused.json()["error"] == "invalid_redirect_uri"
        managed = Managed(gateway, redirect_uris=["https://app.example/cb"])
        assert managed.change(redirect_uris=["https://evil.example/cb"]).json()["error"] == "invalid_redirect_uri"


# STD-3, STD-134
def test_without_registration_nothing_can_be_managed(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, dynamic_registration=False) as gateway:
        assert httpx.get(f"{gateway.url}/register/client_x").status_code == 404


# F-20
def test_browser_clients_may_manage_their_registration(sqlite_gateway: Gateway) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    preflight = httpx.options(f"{sqlite_gateway.url}/register/client_x", headers=asked)
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    refused = httpx.get(f"{sqlite_gateway.url}/register/client_x", headers={"Origin": "https://app.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")


def _with(client: Client, **changed: object) -> Client:
    return replace(client, **changed)  # type: ignore[arg-type]


async def _disable(store: Store, client_id: ClientId, clock: SettableClock) -> None:
    client = await store.clients.get(client_id)
    assert client is not None
    assert client.registration is Registration.DYNAMIC
    await store.clients.put(_with(client, disabled_at=clock()))


# -- registrations that go while something else happens


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
