"""What is asked together is answered each for itself: failures, and callers that go away, stay alone."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, exc, insert, text

from oauth.database.batching import Batcher
from oauth.database.sqlite import SqliteDatabase
from oauth.foundation.credentials import digest
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.reason_codes import CompoundReason
from oauth.foundation.vocabulary import ClientId
from oauth.protocol.errors import invalid_grant
from oauth.protocol.grant_types.decision import CodeDecision, Issue, Redeem, Refuse
from oauth.protocol.models import AuthorizationCode, Client
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import SignIn, Store
from oauth.stores.sql import rows
from oauth.stores.sql.tables import sign_in_sessions
from tests.oauth.stores.postgresql import watching
from tests.oauth.stores.test_round_trips import make_session
from tests.oauth.stores.tokens import CLIENT, add_codes, issued, redeem, refresh
from tests.support.builders import NOW, make_grant


class Mistake(Exception):
    """A bug of ours, in one unit of work."""


def raising(_client: Client | None, _code: AuthorizationCode | None) -> CodeDecision:
    raise Mistake


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[SqliteDatabase]:
    opened = await open_database(sqlite_url)
    assert isinstance(opened, SqliteDatabase)
    yield opened
    await opened.close()


# -- failures


async def test_decision_that_raises_fails_alone(store: Store) -> None:
    codes = await add_codes(store, "1", "2", "3")
    first, mistake, last = await asyncio.gather(
        redeem(store, codes[0], fresh="rt_1"),
        store.grants.redeem_code(CLIENT, codes[1], raising, NOW),
        redeem(store, codes[2], fresh="rt_3"),
        return_exceptions=True,
    )
    assert isinstance(mistake, Mistake)
    assert [isinstance(each, Issue) for each in (first, last)] == [True, True]
    assert issued(await redeem(store, codes[1], fresh="rt_2")) == "rt_2"
    for token in ("rt_1", "rt_2", "rt_3"):
        assert issued(await refresh(store, token, fresh=f"{token}_next")) == f"{token}_next"


@pytest.mark.parametrize("client_id", ["nul\0", "half of a character \ud83d"])
async def test_client_id_that_a_database_cannot_hold_fails_alone(store: Store, client_id: str) -> None:
    codes = await add_codes(store, "1", "2")

    def refuse(client: Client | None, _code: AuthorizationCode | None) -> Refuse:
        assert client is None
        return Refuse(invalid_grant("Nobody.", CompoundReason("nobody")))

    outcomes = await asyncio.gather(
        redeem(store, codes[0], fresh="rt_1"),
        store.grants.redeem_code(ClientId(client_id), "ac_x", refuse, NOW),
        redeem(store, codes[1], fresh="rt_2"),
        return_exceptions=True,
    )
    assert [isinstance(each, Issue) for each in outcomes] == [True, False, True]
    assert not isinstance(outcomes[1], StoreUnavailable)  # nothing was out of order
    assert issued(await refresh(store, "rt_2", fresh="rt_next")) == "rt_next"


async def test_token_that_exists_already_fails_the_claim_that_brings_it_and_that_one_alone(store: Store) -> None:
    codes = await add_codes(store, "1", "2", "3", "taken")
    await redeem(store, "ac_taken", fresh="rt_taken")
    fresh = ["rt_1", "rt_taken", "rt_3"]
    outcomes = await asyncio.gather(
        *(redeem(store, code, fresh=token) for code, token in zip(codes, fresh, strict=False)), return_exceptions=True
    )
    assert [isinstance(each, Issue) for each in outcomes] == [True, False, True]
    # Nothing half-written: the code whose token could not be added is unredeemed.
    code = await store.grants.authorization_code(digest(codes[1]))
    assert code is not None
    assert code.redeemed_at is None
    assert issued(await redeem(store, codes[1], fresh="rt_2")) == "rt_2"
    for token in ("rt_1", "rt_2", "rt_3", "rt_taken"):
        assert issued(await refresh(store, token, fresh=f"{token}_next")) == f"{token}_next"


async def test_write_that_breaks_a_constraint_fails_alone_and_leaves_nothing(
    database: OpenDatabase, store: Store
) -> None:
    await store.people.sign_in(SignIn(make_session("taken"), NOW))

    def half_a_write(connection: Connection) -> None:
        for cookie in ("half", "taken"):
            connection.execute(insert(sign_in_sessions).values(rows.sign_in_session_values(make_session(cookie))))

    outcomes = await asyncio.gather(
        store.people.sign_in(SignIn(make_session("before"), NOW)),
        database.write(half_a_write),
        store.people.sign_in(SignIn(make_session("after"), NOW)),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [type(None), exc.IntegrityError, type(None)]
    found = {cookie: await store.people.session(digest(cookie)) for cookie in ("before", "half", "taken", "after")}
    assert found == {
        "before": make_session("before"),
        "half": None,
        "taken": make_session("taken"),
        "after": make_session("after"),
    }


async def test_mistake_in_the_sql_is_not_an_outage(database: OpenDatabase, store: Store) -> None:
    with pytest.raises(exc.DBAPIError):
        await database.write(lambda connection: connection.execute(text("SELECT 'x' FROM clients WHERE nothing = 1")))
    await store.upkeep.check()


# -- callers that go away


async def test_caller_that_goes_away_loses_nobody_else_s_work(store: Store) -> None:
    names = [str(number) for number in range(20)]
    codes = await add_codes(store, *names)
    asked = [asyncio.ensure_future(redeem(store, code, fresh=f"rt_{code}")) for code in codes]
    await asyncio.sleep(0)
    for leaving in asked[::3]:
        leaving.cancel()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    for number, (code, outcome) in enumerate(zip(codes, outcomes, strict=True)):
        if number % 3:
            assert issued(outcome) == f"rt_{code}"  # type: ignore[arg-type]
            assert issued(await refresh(store, f"rt_{code}", fresh=f"rt_next_{code}")) == f"rt_next_{code}"
        else:
            assert isinstance(outcome, asyncio.CancelledError)
    await store.upkeep.check()


async def test_code_of_a_caller_that_went_away_was_redeemed_or_was_not(store: Store) -> None:
    for turns in range(6):
        (code,) = await add_codes(store, f"left_{turns}")
        leaving = asyncio.ensure_future(redeem(store, code, fresh=f"rt_{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        # When this is written, the work of the one that left is done.
        await store.people.sign_in(SignIn(make_session(str(turns)), NOW))
        stored = await store.grants.authorization_code(digest(code))
        assert stored is not None
        token = await store.grants.of_refresh_token(digest(f"rt_{turns}"))
        assert (stored.redeemed_at is None) == (token is None)


async def test_what_is_under_way_when_the_database_is_closed_is_finished(database_url: str) -> None:
    opened = await open_database(database_url)
    store = store_on(opened)
    codes = await add_codes(store, "1", "2")
    asked = [asyncio.ensure_future(redeem(store, code, fresh=f"rt_{code}")) for code in codes]
    await asyncio.sleep(0)
    await opened.close()
    assert [issued(await each) for each in asked] == ["rt_ac_1", "rt_ac_2"]


async def test_closing_leaves_no_connection_behind_not_even_one_that_is_in_use(postgresql_url: str) -> None:
    opened = await open_database(postgresql_url)
    store = store_on(opened)
    (code,) = await add_codes(store, "1")
    asked = asyncio.ensure_future(redeem(store, code))
    await asyncio.sleep(0)
    await opened.close()
    await asked

    async with watching(postgresql_url) as watcher:
        await watcher.until_none()


# -- the group commit of SQLite


async def test_group_is_committed_before_anyone_in_it_is_told(sqlite: SqliteDatabase, sqlite_url: str) -> None:
    """A second reader looks for each row in the moment that its writer is told."""
    store = store_on(sqlite)
    looking = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))

    async def write_and_look(number: int) -> int:
        await store.people.sign_in(SignIn(make_session(str(number)), NOW))
        query = "SELECT count(*) FROM sign_in_sessions WHERE digest = ?"
        return int(looking.execute(query, (digest(str(number)),)).fetchone()[0])

    found = await asyncio.gather(*(write_and_look(number) for number in range(300)))
    looking.close()
    assert found == [1] * 300


async def test_writes_of_one_turn_share_a_commit(sqlite: SqliteDatabase) -> None:
    store = store_on(sqlite)
    statements: list[str] = []
    await sqlite.write_on_driver(lambda connection: connection.set_trace_callback(statements.append))
    await asyncio.gather(*(store.people.sign_in(SignIn(make_session(str(number)), NOW)) for number in range(50)))
    await sqlite.write_on_driver(lambda connection: connection.set_trace_callback(None))
    # One that ends the group in which tracing began, one for all fifty.
    assert statements.count("COMMIT") == 2
    assert sum(statement.startswith("INSERT") for statement in statements) == 50


async def test_whoever_waits_behind_too_many_is_told_to_come_back(
    sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oauth.database.sqlite._WAITING", 3)
    going_on = threading.Event()
    store = store_on(sqlite)
    held_up = asyncio.ensure_future(sqlite.write_on_driver(lambda _: going_on.wait(10)))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(store.people.sign_in(SignIn(make_session(name), NOW))) for name in ("a", "b")]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="too many"):
        await store.people.sign_in(SignIn(make_session("c"), NOW))
    going_on.set()
    assert await held_up
    await asyncio.gather(*waiting)
    await store.people.sign_in(SignIn(make_session("d"), NOW))
    found = [await store.people.session(digest(name)) is not None for name in "abcd"]
    assert found == [True, True, False, True]


async def test_closed_sqlite_says_so_instead_of_keeping_its_caller_waiting(sqlite_url: str) -> None:
    opened = await open_database(sqlite_url)
    await opened.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await asyncio.wait_for(store_on(opened).people.sign_in(SignIn(make_session(), NOW)), 5)


async def test_group_of_which_the_last_fails_runs_again_without_it(sqlite: SqliteDatabase) -> None:
    """Each runs a second time, on what the database was before the first."""
    store = store_on(sqlite)
    codes = await add_codes(store, "1", "2")
    seen: list[bool] = []

    def decide(_client: Client | None, code: AuthorizationCode | None) -> CodeDecision:
        assert code is not None
        seen.append(code.redeemed_at is None)
        return Redeem(Issue(make_grant(), frozenset(), 0, None), NOW)

    outcomes = await asyncio.gather(
        store.grants.redeem_code(CLIENT, codes[0], decide, NOW),
        store.grants.redeem_code(CLIENT, codes[1], raising, NOW),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Issue)
    assert isinstance(outcomes[1], Mistake)
    assert seen == [True, True]


# -- the gatherer


async def test_gatherer_hands_over_once_for_a_turn_in_the_order_of_addition() -> None:
    handed_over: list[list[int]] = []
    gatherer = Batcher(handed_over.append)
    for number in range(3):
        gatherer.add(number)
    assert handed_over == []
    await asyncio.sleep(0)
    gatherer.add(3)
    gatherer.flush()
    gatherer.flush()
    await asyncio.sleep(0)
    assert handed_over == [[0, 1, 2], [3]]
