"""The REST dependencies over HTTP, as routes of an operator use them (SEED-10 to SEED-16)."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Role, Subject
from oauth.stores.opening import OpenDatabase
from tests.support.app_person import AppPerson, change, sign_up
from tests.support.clock import SettableClock
from tests.support.databases import PostgresqlTemplate
from tests.support.gateway import ADMIN, AGENT, USER, Gateway, RunningSupabase, running_gateway

ROUTES = "tests.support.rest_routes:add_routes"
EVERY_ROUTE = ["user", "active", "agent", "admin", "cached", "aal2", "plain", "events"]

SignedIn = Callable[..., AppPerson]
on_both_databases = pytest.mark.parametrize("api", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def api(request: pytest.FixtureRequest, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    """On SQLite; on both databases where a test says that it matters."""
    database_url = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    with running_gateway(database_url, supabase, clock, routes=ROUTES) as running:
        running.set_role(AGENT, Role.AGENT)
        running.set_role(ADMIN, Role.ADMIN)
        yield running


@pytest.fixture
def signed_in() -> Iterator[SignedIn]:
    people: list[AppPerson] = []

    def sign_in(gateway: Gateway, account: Any = USER) -> AppPerson:  # noqa: ANN401
        people.append(AppPerson(gateway, account))
        return people[-1]

    yield sign_in
    for person in people:
        person.close()


def code_of(response: httpx.Response) -> str:
    code: str = response.json()["error"]["code"]
    return code


def users(gateway: Gateway, work: Callable[[UserStore], Any]) -> Any:  # noqa: ANN401
    async def run(database: OpenDatabase) -> Any:  # noqa: ANN401
        return await work(UserStore(database))

    return gateway.database(run)


# -- SEED-10: the header


# SEED-10
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "AUTH_HEADER_MISSING"),
        ([("Authorization", "")], "INVALID_AUTH_HEADER"),
        ([("Authorization", "Bearer")], "INVALID_AUTH_HEADER"),
        ([("Authorization", "Bearer one two")], "INVALID_AUTH_HEADER"),
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], "INVALID_AUTH_HEADER"),
        ([("Authorization", "Basic dXNlcjpwYXNz")], "INVALID_AUTH_SCHEME"),
        ([("Authorization", "Bearer garbage")], "TOKEN_INVALID"),
    ],
)
def test_request_without_a_good_header_is_a_401_that_says_what_is_wrong(
    api: Gateway, headers: list[tuple[str, str]], code: str
) -> None:
    for route in EVERY_ROUTE:
        response = httpx.get(f"{api.url}/api/v1/try/{route}", headers=headers)
        assert response.status_code == 401, route
        assert code_of(response) == code, route
        challenge = response.headers["www-authenticate"]
        assert challenge.startswith(f'Bearer resource_metadata="{api.url}/.well-known/oauth-protected-resource/api"')
        assert ('error="invalid_token"' in challenge) is (code == "TOKEN_INVALID")
        assert response.headers["cache-control"] == "no-store"


# SEED-10
@on_both_databases
def test_first_request_of_a_person_makes_their_row(api: Gateway, signed_in: SignedIn) -> None:
    new = sign_up(api, "new@example.com")
    assert users(api, lambda store: store.get(Subject(new.id))) is None
    answer = signed_in(api, new).get("/try/user")
    row = users(api, lambda store: store.get(Subject(new.id)))
    assert answer.json() == {"id": row.id, "state": row.id}
    assert (row.email, row.role) == ("new@example.com", Role.USER)


# SEED-10: whichever token, the same person.
def test_session_and_first_party_token_are_the_same_person(api: Gateway, signed_in: SignedIn) -> None:
    client = api.registered()
    tokens = api.tokens(client, USER, resource=f"{api.url}/api", scope="api")
    person = signed_in(api)
    ours = person.call("GET", "/try/user", token=tokens["access_token"])
    assert person.get("/try/user").json() == ours.json()


def test_plain_starlette_route_takes_the_same_dependencies(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api)
    row_id = person.me()["id"]
    assert person.get("/try/plain").json() == {"id": row_id, "state": row_id}


def test_openapi_shows_the_bearer_scheme(api: Gateway) -> None:
    document = httpx.get(f"{api.url}/api/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    (name,) = [name for name, scheme in schemes.items() if scheme["type"] == "http"]
    assert schemes[name]["scheme"] == "bearer"
    for path in ("user", "active", "optional", "agent", "admin", "cached", "aal2", "events"):
        operation = document["paths"][f"/v1/try/{path}"]["get"]
        assert operation["security"] == [{name: []}], path
        assert "parameters" not in operation, path
    assert "security" not in document["paths"]["/v1/auth/config"]["get"]


# -- SEED-10, SEED-32: the row follows what is verified


# SEED-10, SEED-32
@on_both_databases
def test_phone_that_is_verified_later_comes_with_the_next_session(api: Gateway, signed_in: SignedIn) -> None:
    new = sign_up(api, "new@example.com")
    person = signed_in(api, new)
    assert person.me()["phone"] is None
    change(api, new.id, phone="+919876543210", phone_confirm=True)
    person.sign_in()
    assert person.me()["phone"] == "+919876543210"


# F-1
def test_phone_that_is_not_verified_never_comes(api: Gateway, signed_in: SignedIn) -> None:
    new = sign_up(api, "new@example.com")
    person = signed_in(api, new)
    person.me()
    change(api, new.id, phone="+919876543210")
    person.sign_in()
    before = api.supabase.stand_in.requests["/user"]
    assert [person.me()["phone"] for _ in range(3)] == [None] * 3
    assert api.supabase.stand_in.requests["/user"] - before == 1  # and costs Supabase one question


# SEED-32
@on_both_databases
def test_person_gets_the_row_that_waits_for_their_email(api: Gateway, signed_in: SignedIn) -> None:
    waiting = users(api, lambda store: store.provision("new@example.com", None, Role.AGENT, api.clock()))
    person = signed_in(api, sign_up(api, "new@example.com"))
    assert person.get("/try/agent").json() == {"id": waiting.id}


# F-1
@on_both_databases
def test_unverified_identifier_does_not_get_the_row_that_waits(api: Gateway, signed_in: SignedIn) -> None:
    users(api, lambda store: store.provision("boss@example.com", "+919876543210", Role.ADMIN, api.clock()))
    thief = sign_up(api, "thief@example.com")
    written = {"email": "boss@example.com", "email_verified": True, "phone_verified": True}
    change(api, thief.id, phone="+919876543210", user_metadata=written)
    person = signed_in(api, thief)
    assert person.get("/try/admin").status_code == 403
    assert person.me()["phone"] is None


def test_outage_while_a_row_is_filled_disturbs_nobody(api: Gateway, signed_in: SignedIn) -> None:
    new = sign_up(api, "new@example.com")
    person = signed_in(api, new)
    assert person.me()["phone"] is None
    change(api, new.id, phone="+919876543210", phone_confirm=True)
    person.sign_in()
    api.supabase.stand_in.faults.set("500", paths=["/user"])
    assert person.me()["phone"] is None
    api.supabase.stand_in.faults.clear()
    api.clock.advance(seconds=16)
    assert person.me()["phone"] == "+919876543210"


# -- SEED-10, SEED-7: outages


# SEED-5, SEED-7, SEED-10, F-19, F-23
@pytest.mark.parametrize("fault", ["down", "500", "429", "html"])
def test_provider_in_trouble_is_a_503_with_retry_after(api: Gateway, signed_in: SignedIn, fault: str) -> None:
    person = signed_in(api, sign_up(api, "new@example.com"))
    api.supabase.stand_in.faults.set(fault)
    for route in EVERY_ROUTE:
        response = person.get(f"/try/{route}")
        assert (response.status_code, response.headers["retry-after"]) == (503, "5"), route
        assert code_of(response) == "AUTH_PROVIDER_UNREACHABLE"
        assert response.json()["error"]["message"].endswith("Repeat it in a few seconds.")
        assert "www-authenticate" not in response.headers
    api.supabase.stand_in.faults.clear()
    api.clock.advance(seconds=31)  # keys are asked for at most every 30 s
    assert person.get("/try/user").status_code == 200


# SEED-10, SEED-12, SEED-16
def test_database_in_trouble_is_a_503_with_retry_after(
    postgresql_url: str,
    supabase: RunningSupabase,
    clock: SettableClock,
    postgresql_template: PostgresqlTemplate,
    signed_in: SignedIn,
) -> None:
    with running_gateway(postgresql_url, supabase, clock, routes=ROUTES) as gateway:
        person = signed_in(gateway)
        assert person.get("/try/cached").status_code == 200
        with postgresql_template.unreachable(postgresql_url):
            response = person.get("/try/user")
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert code_of(response) == "AUTH_DB_UNAVAILABLE"
            assert person.get("/try/optional").json() == {"id": None}  # SEED-12
            assert person.get("/try/cached").status_code == 200  # SEED-16: not a read
        assert person.get("/try/user").status_code == 200


# SEED-11, F-6
@on_both_databases
def test_person_who_was_deactivated_is_a_403_at_once(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api)
    assert person.get("/try/active").status_code == 200
    users(api, lambda store: store.set_active(Subject(USER.id), api.clock(), active=False))
    for route in ("active", "plain", "events"):
        refused = person.get(f"/try/{route}")
        assert (refused.status_code, code_of(refused)) == (403, "USER_INACTIVE"), route
    api.clock.advance(seconds=61)  # F-6: by then no dependency lets them in
    for route in EVERY_ROUTE:
        refused = person.get(f"/try/{route}")
        assert (refused.status_code, code_of(refused)) == (403, "USER_INACTIVE"), route
    assert person.get("/try/optional").json() == {"id": None}


# -- SEED-12


# SEED-12
@on_both_databases
def test_optional_user_is_none_without_a_good_token(api: Gateway, signed_in: SignedIn) -> None:
    url = f"{api.url}/api/v1/try/optional"
    assert httpx.get(url).json() == {"id": None}
    for header in ("Bearer garbage", "Bearer", "Basic eDp5", ""):
        assert httpx.get(url, headers={"Authorization": header}).json() == {"id": None}
    person = signed_in(api)
    assert person.get("/try/optional").json() == {"id": person.me()["id"]}


# SEED-12
@pytest.mark.parametrize("fault", ["down", "500", "html"])
def test_optional_user_is_none_during_an_outage(api: Gateway, signed_in: SignedIn, fault: str) -> None:
    new = sign_up(api, "new@example.com")
    person = signed_in(api, new)
    api.supabase.stand_in.faults.set(fault)
    assert person.get("/try/optional").json() == {"id": None}
    assert users(api, lambda store: store.get(Subject(new.id))) is None


# SEED-13, SEED-14, SEED-33
@pytest.mark.parametrize(
    ("account", "agent", "admin"), [(USER, False, False), (AGENT, True, False), (ADMIN, False, True)]
)
def test_roles_open_what_they_are_for(
    api: Gateway,
    signed_in: SignedIn,
    account: Any,  # noqa: ANN401
    *,
    agent: bool,
    admin: bool,
) -> None:
    person = signed_in(api, account)
    for route, allowed, code in (("agent", agent, "AGENT_REQUIRED"), ("admin", admin, "ADMIN_REQUIRED")):
        answer = person.get(f"/try/{route}")
        assert answer.status_code == (200 if allowed else 403)
        assert allowed or code_of(answer) == code


# -- SEED-16


# SEED-16
def test_cached_user_has_id_role_and_state(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api, AGENT)
    assert person.get("/try/cached").json() == {
        "id": person.me()["id"],
        "subject": AGENT.id,
        "role": "agent",
        "is_active": True,
    }


def test_cached_user_has_a_new_role_within_a_minute(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api)
    assert person.get("/try/cached").json()["role"] == "user"
    users(api, lambda store: store.set_role(Subject(USER.id), Role.AGENT, api.clock()))
    api.clock.advance(seconds=61)
    assert person.get("/try/cached").json()["role"] == "agent"


class Socket:
    """A WebSocket, opened and read to its end. → what was said, and the code that it was closed with."""

    def __init__(self, gateway: Gateway, path: str, *, subprotocols: Any = None, **headers: str) -> None:  # noqa: ANN401
        url = f"ws{gateway.url.removeprefix('http')}/api/v1/try/{path}"
        self.said: list[str] = []
        with connect(url, additional_headers=headers, subprotocols=subprotocols, proxy=None) as socket:
            with contextlib.suppress(ConnectionClosedError):  # it ends the loop, where the code is not 1000
                self.said += [str(message) for message in socket]
            self.code, self.reason = socket.close_code, socket.close_reason


def test_websocket_takes_the_header_of_clients_that_can_send_one(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api)
    socket = Socket(api, "socket", Authorization=f"Bearer {person.access_token}")
    assert socket.said == [person.me()["id"]]
    assert socket.code == 1000


@on_both_databases
def test_websocket_takes_a_ticket_once(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api)
    ticket = person.post("/auth/stream-ticket", {"path": "/api/v1/try/socket"}).json()["ticket"]
    assert Socket(api, f"socket?token={ticket}").said == [person.me()["id"]]
    again = Socket(api, f"socket?token={ticket}")
    assert (again.said, again.code, again.reason) == ([], 4001, "TOKEN_INVALID")


# SEED-16
@pytest.mark.parametrize("query", ["", "?token=garbage", "?token=", "?token=a&token=b"])
def test_websocket_without_a_good_token_is_closed_with_4001(api: Gateway, query: str) -> None:
    assert Socket(api, f"socket{query}").code == 4001
    assert Socket(api, f"socket{query}", subprotocols=["chat"]).code == 4001


# SEED-16
def test_websocket_of_somebody_who_may_not_is_closed_with_4003(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api)
    socket = Socket(api, "admin-socket", Authorization=f"Bearer {person.access_token}")
    assert (socket.code, socket.reason) == (4003, "ADMIN_REQUIRED")
    users(api, lambda store: store.set_active(Subject(USER.id), api.clock(), active=False))
    inactive = Socket(api, "socket", Authorization=f"Bearer {person.access_token}")
    assert (inactive.code, inactive.reason) == (4003, "USER_INACTIVE")
    admin = signed_in(api, ADMIN)
    assert Socket(api, "admin-socket", Authorization=f"Bearer {admin.access_token}").said == [admin.me()["id"]]


def test_websocket_during_an_outage_is_to_be_tried_again(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api, sign_up(api, "new@example.com"))
    api.supabase.stand_in.faults.set("500")
    assert Socket(api, "socket", Authorization=f"Bearer {person.access_token}").code == 1013


# F-20: what holds for a request holds for a handshake.
def test_websocket_of_another_host_is_not_opened(
    api: Gateway, signed_in: SignedIn, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://localhost:{urlsplit(api.url).port}/api/v1/try/socket"
    bearer = {"Authorization": f"Bearer {signed_in(api).access_token}"}
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=bearer, proxy=None):
        pass
    assert refused.value.response.status_code == 421
    assert refused.value.response.headers["x-request-id"]
    assert "host_unknown" in capfd.readouterr().out


# SEED-50
def test_websockets_are_counted_with_the_requests_of_their_address(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(sqlite_url, supabase, clock, routes=ROUTES, requests_per_minute=3) as api:
        assert [Socket(api, "socket").code for _ in range(3)] == [4001] * 3
        with pytest.raises(InvalidStatus) as refused:
            Socket(api, "socket")
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["retry-after"]) > 0


def test_error_in_a_websocket_closes_it_and_is_logged_once(api: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    assert Socket(api, "broken-socket").code == 1011
    assert capfd.readouterr().out.count("unhandled_error") == 1


# -- assurance


def test_route_can_ask_for_a_second_factor(api: Gateway, signed_in: SignedIn) -> None:
    person = signed_in(api)
    refused = person.get("/try/aal2")
    assert (refused.status_code, code_of(refused)) == (401, "AAL2_REQUIRED")
    challenge = refused.headers["www-authenticate"]  # RFC 9470 §3
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'acr_values="aal2"' in challenge
    person.enroll()
    assert person.get("/try/aal2").json() == {"subject": USER.id}


# -- the envelope


# SEED-10, P-16
def test_error_of_ours_has_the_envelope_and_the_id_to_ask_for(api: Gateway, signed_in: SignedIn) -> None:
    broken = signed_in(api).get("/try/broken/part")
    assert (broken.status_code, code_of(broken)) == (500, "INTERNAL_SERVER_ERROR")
    assert broken.headers["x-request-id"] in broken.json()["error"]["message"]
    assert "part" not in broken.text
    assert broken.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/try/nothing", 404, "NOT_FOUND"),
        ("PUT", "/try/user", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/try/number?number=canary", 422, "VALIDATION_FAILED"),
    ],
)
def test_every_error_of_the_api_has_the_envelope(api: Gateway, method: str, path: str, status: int, code: str) -> None:
    response = httpx.request(method, f"{api.url}/api/v1{path}")
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert response.json()["error"]["message"]


def test_details_say_which_field_is_wrong_and_do_not_repeat_it(api: Gateway) -> None:
    response = httpx.get(f"{api.url}/api/v1/try/number?number=canary")
    (problem,) = response.json()["error"]["details"]
    assert problem["field"] == "query.number"
    assert "canary" not in response.text


# SEED-17: people sign in with the Supabase SDK.
@pytest.mark.parametrize("path", ["login", "refresh", "logout", "register"])
def test_there_is_no_route_to_sign_in_with(api: Gateway, path: str) -> None:
    assert httpx.post(f"{api.url}/api/v1/auth/{path}", json={}).status_code == 404
