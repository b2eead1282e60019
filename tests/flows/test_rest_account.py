"""What an app does with the account of whoever has signed in (SEED-20 to SEED-24)."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from mcp_auth.users.models import AuthMethod, User
from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Role, Subject
from oauth.stores.opening import OpenDatabase
from tests.support.app_person import AppPerson, sign_up
from tests.support.clock import SettableClock
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway

CONFIRMED = {"confirm": True}
Delete = Callable[[AppPerson], httpx.Response]


def by_delete(person: AppPerson) -> httpx.Response:
    return person.call("DELETE", "/users/me")


def by_post(person: AppPerson) -> httpx.Response:
    return person.post("/auth/delete-account", CONFIRMED)


@pytest.fixture
def person(gateway: Gateway) -> Iterator[AppPerson]:
    person = AppPerson(gateway)
    yield person
    person.close()


@pytest.fixture
def shared_person(sqlite_gateway: Gateway) -> Iterator[AppPerson]:
    """Of the gateway that tests share: for what changes nothing."""
    person = AppPerson(sqlite_gateway)
    yield person
    person.close()


def row(gateway: Gateway, subject: str = USER.id) -> User:
    async def read(database: OpenDatabase) -> User | None:
        return await UserStore(database).get(Subject(subject))

    found = gateway.database(read)
    assert found is not None
    return found


def exists(gateway: Gateway, subject: str = USER.id) -> bool:
    """At Supabase."""
    stand_in = gateway.supabase.stand_in
    url = f"{gateway.supabase.url}/auth/v1/admin/users/{subject}"
    return httpx.get(url, headers={"apikey": stand_in.secret_key}).status_code == 200


# -- SEED-20


# SEED-20
def test_config_is_public_and_null_where_nothing_is_set(sqlite_gateway: Gateway) -> None:
    answer = httpx.get(f"{sqlite_gateway.url}/api/v1/auth/config")
    assert answer.status_code == 200
    assert answer.json() == {
        "google_web_client_id": None,
        "google_ios_client_id": None,
        "google_android_client_id": None,
    }


# SEED-20: the names that apps use already, and ours.
def test_config_tells_the_client_ids_of_the_environment(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_WEB_CLIENT_ID", "web.apps.googleusercontent.com")
    monkeypatch.setenv("MCP_AUTH_GOOGLE_IOS_CLIENT_ID", "ios.apps.googleusercontent.com")
    with running_gateway(sqlite_url, supabase, clock) as gateway:
        assert httpx.get(f"{gateway.url}/api/v1/auth/config").json() == {
            "google_web_client_id": "web.apps.googleusercontent.com",
            "google_ios_client_id": "ios.apps.googleusercontent.com",
            "google_android_client_id": None,
        }


# -- SEED-21, SEED-22


# SEED-21
def test_delete_me_says_so(person: AppPerson) -> None:
    answer = by_delete(person)
    assert answer.status_code == 200
    assert answer.json() == {"message": "Your account was deleted."}


# SEED-21
def test_delete_account_is_204_when_confirmed(person: AppPerson) -> None:
    answer = by_post(person)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not exists(person.gateway)


# SEED-21
@pytest.mark.parametrize(
    "body", [None, {}, {"confirm": False}, {"confirm": "true"}, {"confirm": None}, [], "confirm", {"confirmed": True}]
)
def test_delete_account_without_confirmation_is_a_400_and_deletes_nothing(
    shared_person: AppPerson, body: object
) -> None:
    answer = shared_person.post("/auth/delete-account", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "CONFIRMATION_REQUIRED"
    assert exists(shared_person.gateway)


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/users/me"), ("POST", "/auth/delete-account")])
def test_deletion_needs_a_token(sqlite_gateway: Gateway, method: str, path: str) -> None:
    answer = httpx.request(method, f"{sqlite_gateway.url}/api/v1{path}", json=CONFIRMED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_HEADER_MISSING")


# SEED-21
def test_there_is_one_way_to_delete_and_one_for_mobile_clients(shared_person: AppPerson) -> None:
    assert shared_person.post("/users/me/delete", CONFIRMED).status_code == 404
    assert shared_person.call("DELETE", "/users/me/delete").status_code == 404


# SEED-22
@pytest.mark.parametrize("delete", [by_delete, by_post])
def test_deletion_leaves_nothing_personal_and_no_access(person: AppPerson, delete: Delete) -> None:
    gateway = person.gateway
    client, browser = gateway.registered(), gateway.browser()
    browser.connect(client.authorization_url(), USER.email, USER.password)
    tokens = gateway.tokens(client)
    person.post("/auth/last-method", {"method": "google"})
    assert delete(person).is_success
    assert not exists(gateway)
    left = row(gateway)
    assert (left.email, left.phone, left.last_auth_method, left.is_active) == (None, None, None, False)
    assert left.deleted_at == gateway.clock()
    # Grants, access tokens and sign-in sessions end with it.
    assert client.call_tool(tokens["access_token"]).status_code == 401
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert 'name="password"' in browser.get(client.authorization_url()).text
    assert person.get("/users/me").status_code == 401


def test_token_that_outlives_its_account_makes_no_new_row(person: AppPerson) -> None:
    gateway = person.gateway
    before = row_count(gateway, person)
    by_delete(person)
    gateway.clock.advance(minutes=40)  # revocations are forgotten by then; the session's token lives an hour
    assert person.get("/users/me").status_code in {401, 403}
    assert row(gateway).deleted_at is not None
    assert row_count(gateway, None) == before


def row_count(gateway: Gateway, person: AppPerson | None) -> int:
    if person is not None:
        person.me()

    async def count(database: OpenDatabase) -> int:
        return sum((await UserStore(database).count_by_role()).values())

    return gateway.database(count)


# SEED-22
@pytest.mark.parametrize("fault", ["down", "500", "429", "html"])
def test_deletion_while_supabase_is_in_trouble_is_a_503_and_touches_nothing(person: AppPerson, fault: str) -> None:
    gateway = person.gateway
    person.me()
    before = row(gateway)
    gateway.supabase.stand_in.faults.set(fault, paths=["/admin"], status=404)
    for delete in (by_delete, by_post):
        answer = delete(person)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["error"]["code"] == "AUTH_PROVIDER_UNREACHABLE"
    assert row(gateway) == before
    gateway.supabase.stand_in.faults.clear()
    assert person.get("/users/me").status_code == 200
    assert by_delete(person).status_code == 200
    assert row(gateway).deleted_at is not None


# SEED-22
def test_person_who_is_gone_at_supabase_can_still_delete_the_rest(person: AppPerson) -> None:
    gateway = person.gateway
    person.me()
    stand_in = gateway.supabase.stand_in
    url = f"{gateway.supabase.url}/auth/v1/admin/users/{USER.id}"
    assert httpx.delete(url, headers={"apikey": stand_in.secret_key}).status_code == 200
    assert by_delete(person).status_code == 200
    assert row(gateway).deleted_at is not None


def test_deleted_person_may_come_back_as_somebody_new(person: AppPerson) -> None:
    gateway = person.gateway
    old_id = person.me()["id"]
    by_delete(person)
    again = AppPerson(gateway, sign_up(gateway, USER.email))
    me = again.me()
    again.close()
    assert me["id"] != old_id
    assert (me["email"], me["last_auth_method"]) == (USER.email, None)


def test_others_are_not_touched_by_a_deletion(person: AppPerson) -> None:
    admin = AppPerson(person.gateway, ADMIN)
    before = admin.me()
    by_delete(person)
    assert admin.me() == before
    admin.close()


def test_without_a_secret_key_accounts_cannot_be_deleted(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, supabase_secret_key=None) as gateway:
        person = AppPerson(gateway)
        answer = by_delete(person)
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "ACCOUNT_DELETION_UNAVAILABLE")
        assert row(gateway).deleted_at is None
        person.close()


# -- SEED-23


# SEED-23
@pytest.mark.parametrize("method", list(AuthMethod))
def test_last_method_is_remembered(shared_person: AppPerson, method: AuthMethod) -> None:
    answer = shared_person.post("/auth/last-method", {"method": method})
    assert (answer.status_code, answer.content) == (204, b"")
    me = shared_person.me()
    assert me["last_auth_method"] == method
    assert me["last_auth_method_at"] == shared_person.gateway.clock().isoformat().replace("+00:00", "Z")


def test_last_method_is_kept_on_both_databases(person: AppPerson) -> None:
    assert person.post("/auth/last-method", {"method": "google"}).status_code == 204
    kept = row(person.gateway)
    assert (kept.last_auth_method, kept.last_auth_method_at) == (AuthMethod.GOOGLE, person.gateway.clock())


@pytest.mark.parametrize("body", [{}, {"method": "guess"}, {"method": None}, {"method": 1}, [], None])
def test_method_that_is_none_is_refused(shared_person: AppPerson, body: object) -> None:
    answer = shared_person.post("/auth/last-method", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION_FAILED")


def test_last_method_needs_a_token(sqlite_gateway: Gateway) -> None:
    answer = httpx.post(f"{sqlite_gateway.url}/api/v1/auth/last-method", json={"method": "google"})
    assert answer.status_code == 401


# -- SEED-24


@pytest.fixture
def telling(database_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    with running_gateway(database_url, supabase, clock, identifier_status=True) as gateway:
        yield gateway


def ask(gateway: Gateway, identifier: object) -> httpx.Response:
    return httpx.post(f"{gateway.url}/api/v1/auth/identifier-status", json={"identifier": identifier})


# SEED-24
def test_identifier_status_is_off_unless_configured(sqlite_gateway: Gateway) -> None:
    assert ask(sqlite_gateway, USER.email).status_code == 404


# SEED-24, SEED-31
def test_identifier_status_says_how_to_go_on(telling: Gateway) -> None:
    unknown: dict[str, Any] = {"exists": False, "verified": False, "has_password": False, "next_step": "otp"}
    assert ask(telling, "nobody@example.com").json() == {**unknown, "channel": "email"}
    assert ask(telling, "98765 43210").json() == {**unknown, "channel": "phone"}
    person = AppPerson(telling)
    person.me()
    known = {**unknown, "exists": True, "verified": True}
    assert ask(telling, USER.email.upper()).json() == {**known, "channel": "email"}
    person.post("/auth/last-method", {"method": "password"})
    password = {**known, "has_password": True, "next_step": "password"}
    assert ask(telling, f" {USER.email} ").json() == {**password, "channel": "email"}
    person.close()


# SEED-30: every way to write the number finds it.
def test_identifier_status_knows_a_phone_however_it_is_written(telling: Gateway) -> None:
    new = sign_up(telling, "new@example.com", phone="919876543210")
    person = AppPerson(telling, new)
    assert person.me()["phone"] == "+919876543210"
    for written in ("+919876543210", "00919876543210", "9876543210", "+91 98765-43210"):
        assert ask(telling, written).json()["exists"], written
    person.close()


# Nobody has proven anything yet.
def test_row_that_waits_is_no_account(telling: Gateway) -> None:
    async def provision(database: OpenDatabase) -> None:
        await UserStore(database).provision("boss@example.com", None, Role.ADMIN, telling.clock())

    telling.database(provision)
    assert ask(telling, "boss@example.com").json()["exists"] is False


# SEED-24
@pytest.mark.parametrize(
    ("identifier", "code"),
    [
        ("", "VALIDATION_FAILED"),
        ("x" * 321, "VALIDATION_FAILED"),
        (None, "VALIDATION_FAILED"),
        (7, "VALIDATION_FAILED"),
        ("neither", "IDENTIFIER_INVALID"),
        ("\0@example.com", "IDENTIFIER_INVALID"),
    ],
)
def test_what_is_no_identifier_is_refused(telling: Gateway, identifier: object, code: str) -> None:
    refused = ask(telling, identifier)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, code)


def test_half_a_character_is_refused(telling: Gateway) -> None:
    body = b'{"identifier": "a\\ud800@example.com"}'
    url = f"{telling.url}/api/v1/auth/identifier-status"
    refused = httpx.post(url, content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] in {"IDENTIFIER_INVALID", "VALIDATION_FAILED"}


# SEED-24
def test_one_address_may_ask_ten_times_a_minute(telling: Gateway) -> None:
    for number in range(10):
        assert ask(telling, f"somebody{number}@example.com").status_code == 200
    refused = ask(telling, "somebody@example.com")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "60"
    telling.clock.advance(seconds=60)
    assert ask(telling, "somebody@example.com").status_code == 200


# SEED-24
def test_one_identifier_may_be_asked_about_five_times_an_hour(telling: Gateway) -> None:
    for written in ("9876543210", "+919876543210", "00919876543210", "09876543210", "+91 98765 43210"):
        assert ask(telling, written).status_code == 200
    telling.clock.advance(minutes=2)
    refused = ask(telling, "9876543210")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3480")
    telling.clock.advance(minutes=58)
    assert ask(telling, "9876543210").status_code == 200
