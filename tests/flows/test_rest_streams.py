"""Streams that a browser opens: a ticket in the URL, never a token (SEED-15, F-14)."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Subject
from oauth.stores.opening import OpenDatabase
from tests.support.app_person import AppPerson
from tests.support.clock import SettableClock, WallClock
from tests.support.gateway import ADMIN, USER, Gateway, RunningSupabase, running_gateway, settings_for
from tests.support.live_server import free_ports
from tests.support.processes import serving

EVENTS, OR_TOKEN = "/api/v1/try/events", "/api/v1/try/events-or-token"


@pytest.fixture
def api(sqlite_url: str, supabase: RunningSupabase, clock: SettableClock) -> Iterator[Gateway]:
    with running_gateway(sqlite_url, supabase, clock, routes="tests.support.rest_routes:add_routes") as running:
        yield running


@pytest.fixture
def person(api: Gateway) -> Iterator[AppPerson]:
    person = AppPerson(api)
    yield person
    person.close()


def ticket_of(person: AppPerson, path: str = EVENTS) -> str:
    answer = person.post("/auth/stream-ticket", {"path": path})
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 30
    assert answer.headers["cache-control"] == "no-store"
    ticket: str = answer.json()["ticket"]
    return ticket


def opened(person: AppPerson, token: str, path: str = EVENTS, **headers: str) -> httpx.Response:
    return httpx.get(f"{person.gateway.url}{path}", params={"token": token}, headers=headers)


# SEED-15
def test_ticket_opens_a_stream_once(person: AppPerson) -> None:
    ticket = ticket_of(person)
    stream = opened(person, ticket)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text == f"data: {person.me()['id']}\n\n"
    again = opened(person, ticket)
    assert (again.status_code, again.json()["error"]["code"]) == (401, "TOKEN_INVALID")


# SEED-15
def test_header_opens_a_stream_where_there_is_no_query(person: AppPerson) -> None:
    assert person.get("/try/events").text == f"data: {person.me()['id']}\n\n"


# SEED-15: the query counts first.
def test_bad_ticket_is_refused_whatever_the_header_says(person: AppPerson) -> None:
    good = f"Bearer {person.access_token}"
    assert opened(person, "st_guessed", Authorization=good).status_code == 401


# SEED-15
def test_ticket_is_bound_to_its_path(person: AppPerson) -> None:
    ticket = ticket_of(person, "/api/v1/try/other")
    assert opened(person, ticket).status_code == 401


def test_ticket_path_is_compared_decoded(person: AppPerson) -> None:
    ticket = ticket_of(person, f"{EVENTS}/caf%C3%A9%20bar")
    assert httpx.get(f"{person.gateway.url}{EVENTS}/café bar?token={ticket}").status_code == 200


def test_path_that_no_ticket_can_have_is_refused(
    database_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    with running_gateway(database_url, supabase, clock, routes="tests.support.rest_routes:add_routes") as gateway:
        assert httpx.get(f"{gateway.url}{EVENTS}/%00?token=st_guessed").status_code == 401
        person = AppPerson(gateway)
        assert person.post("/auth/stream-ticket", {"path": f"{EVENTS}/%00"}).status_code == 422
        assert person.post("/auth/stream-ticket", {"path": f"{EVENTS}/%ff"}).status_code in {200, 422}
        assert httpx.get(f"{gateway.url}{EVENTS}/%ff?token=st_guessed").status_code == 401
        person.close()


# SEED-15
def test_ticket_expires_after_thirty_seconds(person: AppPerson) -> None:
    ticket = ticket_of(person)
    person.gateway.clock.advance(seconds=30)
    assert opened(person, ticket).status_code == 401


def test_ticket_of_somebody_who_was_deactivated_opens_nothing(person: AppPerson) -> None:
    ticket = ticket_of(person)

    async def deactivate(database: OpenDatabase) -> None:
        await UserStore(database).set_active(Subject(USER.id), person.gateway.clock(), active=False)

    person.gateway.database(deactivate)
    refused = opened(person, ticket)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "USER_INACTIVE")


# A ticket is for the query: it is no bearer token.
def test_ticket_in_the_header_is_refused(person: AppPerson) -> None:
    assert person.call("GET", "/try/events", token=ticket_of(person)).status_code == 401


# SEED-15, F-14
def test_access_token_in_the_query_opens_only_routes_that_take_it(person: AppPerson) -> None:
    assert opened(person, person.access_token).status_code == 401
    assert opened(person, person.access_token, OR_TOKEN).status_code == 200
    assert opened(person, ticket_of(person, OR_TOKEN), OR_TOKEN).status_code == 200
    assert httpx.get(f"{person.gateway.url}/api/v1/users/me?token={person.access_token}").status_code == 401


def test_two_tokens_are_none(person: AppPerson) -> None:
    url = f"{person.gateway.url}{EVENTS}?token={ticket_of(person)}&token=x"
    assert httpx.get(url).status_code == 401


def test_ticket_needs_a_token(api: Gateway) -> None:
    assert httpx.post(f"{api.url}/api/v1/auth/stream-ticket", json={"path": EVENTS}).status_code == 401


@pytest.mark.parametrize("path", [None, "", "events", "/a b", "/a?b=c", "/a#b", "/\n", "/" + "x" * 2000, "/é", 7])
def test_ticket_is_for_a_path(person: AppPerson, path: object) -> None:
    refused = person.post("/auth/stream-ticket", {"path": path})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "VALIDATION_FAILED")


# SEED-15, F-14
def test_tokens_in_queries_reach_no_log(sqlite_url: str, supabase: RunningSupabase, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with running_gateway(sqlite_url, supabase, WallClock()) as gateway:
        person = AppPerson(gateway)
        settings = settings_for(f"http://127.0.0.1:{port}", sqlite_url, supabase)
        with (tmp_path / "log").open("wb") as file, serving(settings, port, log=file):
            ticket = ticket_of(person)
            for token in (ticket, person.access_token):
                assert httpx.get(f"http://127.0.0.1:{port}{EVENTS}?token={token}").status_code == 404
                assert httpx.get(f"http://127.0.0.1:{port}/api/v1/users/me?token={token}").status_code == 401
        person.close()
    log = (tmp_path / "log").read_text()
    assert ticket[-20:] not in log
    assert person.access_token[-20:] not in log


# D-14: open streams end with the access of their person.
@pytest.mark.parametrize("path", ["/api/v1/try/endless", "/api/v1/try/silent"])
@pytest.mark.parametrize("by_ticket", [True, False], ids=["by ticket", "by header"])
def test_open_stream_ends_within_five_seconds_of_the_deactivation(
    api: Gateway, person: AppPerson, path: str, *, by_ticket: bool
) -> None:
    given = {"params": {"token": ticket_of(person, path)}} if by_ticket else {"headers": bearer(person)}
    with httpx.stream("GET", f"{api.url}{path}", timeout=30, **given) as stream:  # type: ignore[arg-type]
        assert stream.status_code == 200
        lines = stream.iter_lines()
        assert next(lines) == "data: tick"
        api.deactivate(USER)
        began = time.monotonic()
        for _ in lines:
            pass
    assert time.monotonic() - began < 5


def test_open_stream_ends_when_its_person_signs_out_everywhere(api: Gateway, person: AppPerson) -> None:
    api.tokens(api.registered())  # they use an assistant as well, so that their session is followed
    with httpx.stream("GET", f"{api.url}/api/v1/try/endless", headers=bearer(person), timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "data: tick"
        person.sign_out("global")
        api.clock.advance(seconds=61)
        for _ in lines:
            pass


def test_open_stream_of_somebody_else_goes_on_and_one_that_ends_by_itself_ends(api: Gateway, person: AppPerson) -> None:
    assert person.get("/try/finite").text == person.get("/try/events").text
    with httpx.stream("GET", f"{api.url}/api/v1/try/endless", headers=bearer(person), timeout=30) as stream:
        lines = stream.iter_lines()
        api.deactivate(ADMIN)
        began = time.monotonic()
        for line in lines:
            assert line in {"data: tick", ""}
            if time.monotonic() - began > 3:
                break


def test_open_stream_outlasts_an_outage(api: Gateway, person: AppPerson) -> None:
    with httpx.stream("GET", f"{api.url}/api/v1/try/endless", headers=bearer(person), timeout=30) as stream:
        lines = stream.iter_lines()
        api.supabase.stand_in.faults.set("500")
        api.clock.advance(seconds=61)
        began = time.monotonic()
        for line in lines:
            assert line in {"data: tick", ""}
            if time.monotonic() - began > 3:
                break


def test_open_socket_ends_with_the_access_of_its_person(api: Gateway, person: AppPerson) -> None:
    ticket = ticket_of(person, "/api/v1/try/endless-socket")
    url = f"{api.url.replace('http', 'ws', 1)}/api/v1/try/endless-socket?token={ticket}"
    with connect(url) as socket:
        socket.send("hello")
        assert socket.recv(timeout=5) == "hello"
        api.deactivate(USER)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4001


def bearer(person: AppPerson) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.access_token}"}
