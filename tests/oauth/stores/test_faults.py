"""A database in trouble is an outage: nothing is written, and afterwards the same code or token works (D-16)."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import make_url

from oauth.database import postgresql
from oauth.database.postgresql import PostgresqlDatabase
from oauth.database.sqlite import SqliteDatabase
from oauth.foundation.credentials import digest
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.vocabulary import GrantId
from oauth.protocol.grant_types.decision import Issue
from oauth.protocol.models import Revocation, RevocationKind
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import SignIn, Store
from oauth.stores.sql.tables import grants, refresh_tokens
from tests.oauth.stores.postgresql import BUSY, WAITING_FOR_A_LOCK, Watcher, terminate_behind_the_loop_s_back, watching
from tests.oauth.stores.test_round_trips import make_session
from tests.oauth.stores.tokens import (
    CLIENT,
    add_codes,
    add_refresh_token,
    issued,
    make_request,
    named_code,
    named_grant,
    redeem,
    refresh,
    stored_refresh_token,
)
from tests.support.builders import NOW, make_client
from tests.support.databases import PostgresqlTemplate
from tests.support.live_server import bind

NOBODY = 65534
WAITING = digest("handle_waiting")


async def prepare(store: Store) -> None:
    """`ac_unused`, `rt_unused` and a request `handle_waiting`: what works before a fault has to work after it."""
    await add_codes(store, "unused")
    await add_refresh_token(store, "old")
    await store.requests.add(make_request("waiting"))


async def check_that_all_is_refused(store: Store) -> None:
    """Every kind of write is an outage."""
    revocation = Revocation(RevocationKind.GRANT, "grant_old", NOW, NOW)
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: redeem(store, "ac_unused", fresh="rt_never"),
        lambda: refresh(store, "rt_old", fresh="rt_never_2"),
        lambda: store.requests.answer(WAITING, b"sealed", named_code("waiting"), NOW),
        lambda: store.grants.revoke(GrantId("grant_old"), revocation),
        lambda: store.clients.put(make_client(client_id="client_2")),
        lambda: store.people.sign_in(SignIn(make_session(), NOW)),
        lambda: store.upkeep.sweep(NOW, 10),
    )
    for call in calls:
        with pytest.raises(StoreUnavailable):
            await call()


async def check_that_nothing_was_lost_or_half_written(store: Store) -> None:
    for token in ("rt_never", "rt_never_2"):
        assert await store.grants.of_refresh_token(digest(token)) is None
    assert await store.clients.get(make_client(client_id="client_2").client_id) is None
    assert await store.people.session(make_session().digest) is None
    assert await store.grants.authorization_code(named_code("waiting").digest) is None
    assert await store.grants.get(named_grant("waiting").grant_id) is None
    assert await store.requests.get(WAITING) == make_request("waiting")
    assert await store.grants.get(GrantId("grant_old")) == named_grant("old")

    assert issued(await redeem(store, "ac_unused", fresh="rt_unused")) == "rt_unused"
    assert issued(await refresh(store, "rt_old", fresh="rt_head")) == "rt_head"
    assert issued(await refresh(store, "rt_head", fresh="rt_next")) == "rt_next"
    answered = await store.requests.answer(WAITING, b"sealed", named_code("waiting"), NOW)
    assert answered is not None
    assert issued(await redeem(store, "ac_waiting", fresh="rt_waiting")) == "rt_waiting"
    await store.upkeep.check()


# -- SQLite


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """A write lock of somebody else's."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
async def sqlite(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteDatabase]:
    """One that waits for a lock a tenth of a second."""
    monkeypatch.setattr("oauth.database.sqlite.BUSY_TIMEOUT_SECONDS", 0.1)
    opened = await open_database(sqlite_url)
    assert isinstance(opened, SqliteDatabase)
    yield opened
    await opened.close()


async def test_sqlite_that_another_process_keeps_locked(sqlite: SqliteDatabase, sqlite_url: str) -> None:
    store = store_on(sqlite)
    await prepare(store)
    with locked(path_of(sqlite_url)):
        await check_that_all_is_refused(store)
        assert await store.clients.get(CLIENT) == make_client()  # WAL: readers do not wait
        await store.upkeep.check()
    await check_that_nothing_was_lost_or_half_written(store)


async def test_whole_group_behind_a_lock_waits_once_and_not_one_after_the_other(
    sqlite: SqliteDatabase, sqlite_url: str
) -> None:
    store = store_on(sqlite)
    names = [str(number) for number in range(60)]
    codes = await add_codes(store, *names)
    with locked(path_of(sqlite_url)):
        outcomes = await asyncio.wait_for(
            asyncio.gather(*(redeem(store, code, fresh=f"rt_{code}") for code in codes), return_exceptions=True),
            3,  # 60 waits would be 6 s
        )
        assert {str(outcome) for outcome in outcomes} == {"OperationalError SQLITE_BUSY"}
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    for code in codes:
        assert issued(await redeem(store, code, fresh=f"rt_{code}")) == f"rt_{code}"


async def test_lock_that_is_let_go_in_time_is_waited_for(sqlite_url: str) -> None:
    opened = await open_database(sqlite_url)
    store = store_on(opened)
    (code,) = await add_codes(store, "1")
    with locked(path_of(sqlite_url)) as other:
        asked = asyncio.ensure_future(redeem(store, code))
        asyncio.get_running_loop().call_later(0.05, other.execute, "ROLLBACK")
        assert isinstance(await asked, Issue)
        assert not other.in_transaction
    await opened.close()


async def test_sqlite_on_a_full_disk_keeps_what_it_acknowledged_and_nothing_else(sqlite: SqliteDatabase) -> None:
    store = store_on(sqlite)
    names = [str(number) for number in range(300)]
    await prepare(store)
    codes = await add_codes(store, *names)
    await sqlite.write_on_driver(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    outcomes = await asyncio.gather(
        *(redeem(store, code, fresh=f"rt_{code}") for code in codes), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Issue)]
    assert 0 < len(refused) < len(codes)  # some found room in pages that were not yet full
    assert {str(outcome) for outcome in refused} == {"OperationalError SQLITE_FULL"}
    assert {type(outcome) for outcome in refused} == {StoreUnavailable}
    for code, outcome in zip(codes, outcomes, strict=True):
        stored = await store.grants.authorization_code(digest(code))
        assert stored is not None
        acknowledged = isinstance(outcome, Issue)
        assert (stored.redeemed_at is not None) == acknowledged
        assert (await store.grants.of_refresh_token(digest(f"rt_{code}")) is not None) == acknowledged
    await sqlite.write_on_driver(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall())
    for code, outcome in zip(codes, outcomes, strict=True):
        if not isinstance(outcome, Issue):
            assert issued(await redeem(store, code, fresh=f"rt_{code}")) == f"rt_{code}"
    await check_that_nothing_was_lost_or_half_written(store)


async def test_full_disk_in_the_middle_of_an_answer_leaves_the_request_unanswered(sqlite: SqliteDatabase) -> None:
    store = store_on(sqlite)
    await prepare(store)
    await sqlite.write_on_driver(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    big = named_code("waiting", named_grant("waiting", subject="s" * 20_000))
    with pytest.raises(StoreUnavailable, match="SQLITE_FULL"):
        await store.requests.answer(WAITING, b"sealed", big, NOW)
    await sqlite.write_on_driver(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall())
    await check_that_nothing_was_lost_or_half_written(store)


async def test_sqlite_file_that_is_gone_is_never_written_to_and_no_other_takes_its_place(
    sqlite: SqliteDatabase, sqlite_url: str
) -> None:
    store, path = store_on(sqlite), path_of(sqlite_url)
    await prepare(store)
    away = path.with_name("away.sqlite")
    path.rename(away)
    await check_that_all_is_refused(store)
    outcomes = await asyncio.gather(*(store.clients.get(CLIENT) for _ in range(4)), return_exceptions=True)
    assert StoreUnavailable in map(type, outcomes)  # readers that are not open yet cannot be opened
    assert not path.exists()
    away.rename(path)
    await check_that_nothing_was_lost_or_half_written(store)


async def test_sqlite_file_that_was_replaced_is_an_outage_until_it_is_opened_again(
    sqlite: SqliteDatabase, sqlite_url: str, tmp_path: Path
) -> None:
    """A backup that was put back under a running process: what went into the old file would be lost."""
    path = path_of(sqlite_url)
    backup = tmp_path / "backup.sqlite"
    await prepare(store_on(sqlite))
    await sqlite.close()
    shutil.copy(path, backup)

    running = await open_database(sqlite_url)
    backup.replace(path)
    await check_that_all_is_refused(store_on(running))
    await running.close()

    reopened = await open_database(sqlite_url)
    await check_that_nothing_was_lost_or_half_written(store_on(reopened))
    await reopened.close()


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Permissions do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def set_mode(mode: int, path: Path) -> None:
    path.chmod(mode)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that everybody may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
        Path(name).chmod(0o755)


async def test_read_only_sqlite_file_is_an_outage_when_it_is_opened(sqlite_url: str, open_folder: Path) -> None:
    copied = open_folder / "gateway.sqlite"
    url = f"sqlite:///{copied}"
    opened = await open_database(sqlite_url)
    await prepare(store_on(opened))
    await opened.close()
    shutil.copy(path_of(sqlite_url), copied)
    set_mode(0o444, copied)
    set_mode(0o555, open_folder)
    with without_privileges(), pytest.raises(StoreUnavailable, match=r"SQLITE_(READONLY|CANTOPEN)"):
        await open_database(url)

    set_mode(0o755, open_folder)
    set_mode(0o644, copied)
    reopened = await open_database(url)
    await check_that_nothing_was_lost_or_half_written(store_on(reopened))
    await reopened.close()


async def test_sqlite_that_turns_read_only(sqlite: SqliteDatabase) -> None:
    store = store_on(sqlite)
    await prepare(store)
    await sqlite.write_on_driver(lambda connection: connection.execute("PRAGMA query_only = ON"))
    await check_that_all_is_refused(store)
    sqlite._connection.execute("PRAGMA query_only = OFF")
    await check_that_nothing_was_lost_or_half_written(store)


# -- PostgreSQL


@pytest.fixture
async def server(postgresql_url: str) -> AsyncIterator[PostgresqlDatabase]:
    opened = await open_database(postgresql_url)
    assert isinstance(opened, PostgresqlDatabase)
    yield opened
    await opened.close()


@pytest.fixture
async def watcher(postgresql_url: str) -> AsyncIterator[Watcher]:
    async with watching(postgresql_url) as watcher:
        yield watcher


async def test_server_that_cannot_be_reached_for_a_while(
    server: PostgresqlDatabase, postgresql_url: str, postgresql_template: PostgresqlTemplate
) -> None:
    store = store_on(server)
    await prepare(store)
    with postgresql_template.unreachable(postgresql_url):
        await check_that_all_is_refused(store)
        with pytest.raises(StoreUnavailable):
            await store.upkeep.check()
    await check_that_nothing_was_lost_or_half_written(store)


async def test_connections_that_broke_while_idle_cost_one_answer_at_most(
    server: PostgresqlDatabase, postgresql_url: str
) -> None:
    store = store_on(server)
    codes = await add_codes(store, *(str(number) for number in range(8)))
    async with contextlib.AsyncExitStack() as lent:  # so that several are idle
        for _ in range(4):
            await lent.enter_async_context(server.connection())
    terminate_behind_the_loop_s_back(postgresql_url)
    outages = 0
    for code in codes:
        try:
            outcome = await redeem(store, code, fresh=f"rt_{code}")
        except StoreUnavailable:
            outages += 1
            outcome = await redeem(store, code, fresh=f"rt_{code}")
        assert issued(outcome) == f"rt_{code}"
    assert outages <= 1
    assert await store.clients.get(CLIENT) == make_client()


@pytest.mark.parametrize("table", ["authorization_codes", "refresh_tokens"])
async def test_server_process_that_ends_in_the_middle_of_a_claim(
    server: PostgresqlDatabase, watcher: Watcher, table: str
) -> None:
    store = store_on(server)
    await prepare(store)
    async with watcher.holding(f"SELECT * FROM {table} FOR UPDATE"):  # noqa: S608 - our own names
        asked = [
            asyncio.ensure_future(call)
            for call in (
                redeem(store, "ac_unused", fresh="rt_never"),
                redeem(store, "ac_unused", fresh="rt_never"),
                refresh(store, "rt_old", fresh="rt_never_2"),
            )
        ]
        await watcher.until_some(WAITING_FOR_A_LOCK)
        await watcher.terminate(WAITING_FOR_A_LOCK)
        blocked = asked[:2] if table == "authorization_codes" else asked[2:]
        outcomes = await asyncio.gather(*blocked, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    await asyncio.gather(*asked, return_exceptions=True)
    if table == "authorization_codes":
        assert issued(await redeem(store, "ac_unused", fresh="rt_unused")) == "rt_unused"
    else:
        assert issued(await refresh(store, "rt_old", fresh="rt_head")) == "rt_head"


async def test_server_process_that_ends_in_the_middle_of_an_answer(
    server: PostgresqlDatabase, watcher: Watcher
) -> None:
    """The request is answered already inside the transaction when its client's row is waited for."""
    store = store_on(server)
    await prepare(store)
    async with watcher.holding("SELECT * FROM clients FOR UPDATE"):
        asked = asyncio.ensure_future(store.requests.answer(WAITING, b"sealed", named_code("waiting"), NOW))
        await watcher.until_some(WAITING_FOR_A_LOCK)
        await watcher.terminate(WAITING_FOR_A_LOCK)
        with pytest.raises(StoreUnavailable):
            await asked
    await check_that_nothing_was_lost_or_half_written(store)


async def test_statement_that_takes_too_long_is_not_carried_out_later(
    postgresql_url: str, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = postgresql._LIMITS
    # Only the server can tell that it has stopped, so it is the first to give up.
    assert int(limits["server_settings"]["statement_timeout"]) < limits["command_timeout"] * 1000
    monkeypatch.setitem(limits["server_settings"], "statement_timeout", "200")
    server = await open_database(postgresql_url)
    store = store_on(server)
    await prepare(store)
    async with watcher.holding("SELECT * FROM authorization_codes, refresh_tokens, clients FOR UPDATE"):
        outcomes = await asyncio.gather(
            redeem(store, "ac_unused", fresh="rt_never"),
            refresh(store, "rt_old", fresh="rt_never_2"),
            store.requests.answer(WAITING, b"sealed", named_code("waiting"), NOW),
            store.clients.put(make_client()),
            return_exceptions=True,
        )
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    await watcher.until_none(BUSY)
    await check_that_nothing_was_lost_or_half_written(store)
    await server.close()


@pytest.fixture
async def narrow(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresqlDatabase]:
    """One connection of each pool, waited for a tenth of a second."""
    monkeypatch.setattr(postgresql, "CONNECT_TIMEOUT_SECONDS", 0.1)
    opened = await open_database(postgresql_url, pool_size=1)
    assert isinstance(opened, PostgresqlDatabase)
    yield opened
    await opened.close()


async def test_no_connection_left(narrow: PostgresqlDatabase) -> None:
    store = store_on(narrow)
    await prepare(store)
    async with narrow.connection(), narrow._engine.connect():
        await check_that_all_is_refused(store)
        with pytest.raises(StoreUnavailable, match="busy"):
            await redeem(store, "ac_unused")
        with pytest.raises(StoreUnavailable, match="exhausted"):
            await store.upkeep.check()
    await check_that_nothing_was_lost_or_half_written(store)


async def test_connection_that_comes_back_in_time_is_waited_for(narrow: PostgresqlDatabase) -> None:
    store = store_on(narrow)
    names = [str(number) for number in range(250)]  # three batches, one connection
    codes = await add_codes_in_turn(store, names)
    outcomes = await asyncio.gather(*(redeem(store, code, fresh=f"rt_{code}") for code in codes))
    assert [issued(outcome) for outcome in outcomes] == [f"rt_{code}" for code in codes]


async def add_codes_in_turn(store: Store, names: list[str]) -> list[str]:
    return [code for name in names for code in await add_codes(store, name)]


async def test_errors_leak_no_permits(narrow: PostgresqlDatabase, postgresql_url: str) -> None:
    store = store_on(narrow)
    await prepare(store)
    token = await add_refresh_token(store, "used")
    for number in range(3):
        token = issued(await refresh(store, token, fresh=f"rt_used_{number}"))
        terminate_behind_the_loop_s_back(postgresql_url)
        with pytest.raises(StoreUnavailable):
            await redeem(store, "ac_unused", fresh="rt_never")
    await check_that_nothing_was_lost_or_half_written(store)


async def test_port_where_nothing_listens_is_an_outage_when_it_is_opened() -> None:
    listening, url = bind()
    listening.close()
    with pytest.raises(StoreUnavailable):
        await open_database(url.replace("http://", "postgresql://nobody@") + "/nothing")


async def test_database_that_does_not_exist_is_an_outage_when_it_is_opened(postgresql_url: str) -> None:
    elsewhere = make_url(postgresql_url).set(database="not_there").render_as_string(hide_password=False)
    with pytest.raises(StoreUnavailable, match="3D000"):
        await open_database(elsewhere)


# -- both


async def test_outage_says_what_the_driver_said_and_quotes_no_row(database: OpenDatabase) -> None:
    def work(connection: Connection) -> None:
        connection.execute(select(func.count()).select_from(grants))
        raise OSError("a secret of somebody's")

    with pytest.raises(StoreUnavailable, match=r"\AOSError\Z"):
        await database.write(work)
    assert await database.read(lambda c: c.execute(select(func.count()).select_from(refresh_tokens)).scalar()) == 0


async def test_token_of_a_refresh_during_an_outage_is_still_the_head(store: Store, database: OpenDatabase) -> None:
    token = await add_refresh_token(store)

    def work(_: object) -> None:
        raise TimeoutError

    with pytest.raises(StoreUnavailable):
        await database.write(work)
    stored = await stored_refresh_token(store, token)
    assert stored is not None
    assert stored.superseded_at is None
