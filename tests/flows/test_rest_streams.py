"""Streams that a browser opens: a ticket in the URL, never a token (SEED-15, F-14)."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mcp_auth.users.store import UserStore
from oauth.stores.opening import OpenDatabase
from oauth.vocabulary import Subject
from tests.support.app_person import AppPerson
from tests.support.clock import SettableClock
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway, settings_for
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


def test_ticket_opens_a_stream_once(person: AppPerson) -> None:
    ticket = ticket_of(person)
    stream = opened(person, ticket)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text == f"data: {person.me()['id']}\n\n"
    again = opened(person, ticket)
    assert (again.status_code, again.json()["error"]["code"]) == (401, "TOKEN_INVALID")


def test_header_opens_a_stream_where_there_is_no_query(person: AppPerson) -> None:
    assert person.get("/try/events").text == f"data: {person.me()['id']}\n\n"


# SEED-15: the query counts first.
def test_bad_ticket_is_refused_whatever_the_header_says(person: AppPerson) -> None:
    good = f"Bearer {person.access_token}"
    assert opened(person, "st_guessed", Authorization=good).status_code == 401


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


# F-14
def test_tokens_in_queries_reach_no_log(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with running_gateway(sqlite_url, supabase, clock) as gateway:
        person = AppPerson(gateway)
        ticket = ticket_of(person)
        settings = settings_for(f"http://127.0.0.1:{port}", sqlite_url, supabase)
        with (tmp_path / "log").open("wb") as file, serving(settings, port, log=file):
            for token in (ticket, person.access_token):
                assert httpx.get(f"http://127.0.0.1:{port}{EVENTS}?token={token}").status_code == 404
                assert httpx.get(f"http://127.0.0.1:{port}/api/v1/users/me?token={token}").status_code == 401
        person.close()
    log = (tmp_path / "log").read_text()
    assert ticket[-20:] not in log
    assert person.access_token[-20:] not in log
