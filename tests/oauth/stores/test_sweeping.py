"""What has expired goes, a little at a time and by index alone; what somebody may still need stays (D-19)."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, event, func, inspect, select

import oauth.stores.sql.tables
from oauth.database.timestamps import to_micros
from oauth.flow_history.events import FlowStep
from oauth.foundation.credentials import digest
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.vocabulary import ClientId, GrantId, Step, Subject
from oauth.protocol.models import Client, PushedRequest, Registration, Revocation, RevocationKind, SignInSession
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import SignIn, Store, StoredSigningKey
from oauth.stores.sql import sweeping
from tests.oauth.stores.postgresql import WAITING_FOR_A_LOCK, watching
from tests.oauth.stores.tokens import (
    CLIENT,
    add_code,
    add_codes,
    add_refresh_token,
    issued,
    make_request,
    named_code,
    named_grant,
    redeem,
    refresh,
)
from tests.support.builders import NOW, SETTINGS, make_client, make_grant

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
LIMIT = 100


def make_session(cookie: str, expires_at: datetime) -> SignInSession:
    return SignInSession(digest(cookie), Subject("subject_1"), "ada@example.com", NOW, "aal1", expires_at)


def make_revocation(value: str, expires_at: datetime) -> Revocation:
    return Revocation(RevocationKind.ACCESS_TOKEN, value, NOW, expires_at)


def unused(name: str, expires_at: datetime | None = NOW + DAY) -> Client:
    return replace(make_client(client_id=name), expires_at=expires_at)


async def rows_of(database: OpenDatabase) -> dict[str, int]:
    """How many rows each table has; empty ones are left out."""

    def count(connection: Connection) -> dict[str, int]:
        tables = oauth.stores.sql.tables.metadata.sorted_tables
        counted = {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}
        return {name: count for name, count in counted.items() if count}

    return await database.read(count)


async def sweep_all(store: Store, now: datetime) -> int:
    """As often as there is something to sweep."""
    swept = 0
    while gone := await store.upkeep.sweep(now, LIMIT):
        swept += gone
    return swept


# -- when each kind goes


async def test_authorization_request_goes_a_day_after_it_expired(store: Store) -> None:
    await store.clients.put(make_client())
    request = make_request(expires_at=NOW)
    await store.requests.add(request)
    assert await store.upkeep.sweep(NOW + DAY, LIMIT) == 0
    assert await store.requests.get(request.digest) == request
    assert await store.upkeep.sweep(NOW + DAY + MICROSECOND, LIMIT) == 1
    assert await store.requests.get(request.digest) is None


async def test_sign_in_session_goes_when_it_expired(store: Store) -> None:
    await store.people.sign_in(SignIn(make_session("a", NOW), NOW))
    await store.people.sign_in(SignIn(make_session("b", NOW + MICROSECOND), NOW))
    assert await store.upkeep.sweep(NOW, LIMIT) == 0
    assert await store.upkeep.sweep(NOW + MICROSECOND, LIMIT) == 1
    assert await store.people.session(digest("a")) is None
    assert await store.people.session(digest("b")) is not None


async def test_attempts_go_when_their_window_ended(store: Store) -> None:
    window = timedelta(minutes=10)
    await store.attempts.count([digest("ada")], NOW - MICROSECOND, window)
    await store.attempts.count([digest("bob")], NOW, window)
    assert await store.upkeep.sweep(NOW + window, LIMIT) == 1
    assert [each.count for each in await store.attempts.count([digest("bob")], NOW, window)] == [2]


async def test_revocation_goes_when_nobody_need_know_any_more(store: Store) -> None:
    await store.revocations.add(make_revocation("over", NOW - MICROSECOND))
    lasting = make_revocation("lasting", NOW)
    await store.revocations.add(lasting)
    assert await store.upkeep.sweep(NOW, LIMIT) == 1
    assert await store.revocations.recorded_after(NOW - DAY, NOW - MICROSECOND) == [lasting]


async def test_code_is_known_for_thirty_days_and_its_grant_as_long(store: Store) -> None:
    """So long a replay is known for what it is; a client without refresh tokens keeps its grant until then."""
    await add_codes(store, "1")
    expired = named_code().expires_at
    await sweep_all(store, expired + timedelta(days=30))
    assert await store.grants.authorization_code(digest("ac_1")) == named_code()
    await store.upkeep.sweep(expired + timedelta(days=30) + MICROSECOND, LIMIT)
    assert await store.grants.authorization_code(digest("ac_1")) is None
    assert await store.grants.get(GrantId("grant_1")) is None


async def test_grant_outlives_its_code_while_it_can_be_refreshed(store: Store) -> None:
    token = await add_refresh_token(store)
    used_at = NOW + timedelta(days=25)
    head = issued(await refresh(store, token, fresh="rt_head", now=used_at))
    now = NOW + timedelta(days=40)
    await sweep_all(store, now)
    assert await store.grants.authorization_code(digest("ac_1")) is None
    assert await store.grants.get(GrantId("grant_1")) == named_grant()
    assert issued(await refresh(store, head, fresh="rt_next", now=now)) == "rt_next"


async def test_superseded_token_is_known_as_long_as_its_successor(store: Store) -> None:
    """A lost reply can be asked for again, however long the grant has been idle (D-8)."""
    token = await add_refresh_token(store)
    used_at = NOW + timedelta(days=29)
    head = issued(await refresh(store, token, fresh="rt_head", now=used_at))
    now = used_at + SETTINGS.refresh_token_lifetime - MICROSECOND
    await sweep_all(store, now)
    assert issued(await refresh(store, token, fresh="rt_forked", now=now)) == head


async def test_last_refresh_token_takes_its_grant_with_it(store: Store, database: OpenDatabase) -> None:
    await add_refresh_token(store)
    expired = NOW + SETTINGS.refresh_token_lifetime
    await sweep_all(store, expired)
    assert await store.grants.of_refresh_token(digest("rt_1")) == named_grant()
    assert await store.upkeep.sweep(expired + MICROSECOND, LIMIT) > 0
    assert await rows_of(database) == {"clients": 1}


async def test_grant_goes_with_all_that_belongs_to_it_at_its_absolute_end(store: Store, database: OpenDatabase) -> None:
    ends = NOW + timedelta(hours=1)
    await store.clients.put(make_client())
    await add_code(store, "1", named_code("1", replace(make_grant(expires_at=ends), grant_id=GrantId("grant_1"))))
    await redeem(store, "ac_1", fresh="rt_1")
    assert await store.upkeep.sweep(ends, LIMIT) == 0
    await store.upkeep.sweep(ends + MICROSECOND, LIMIT)
    assert await rows_of(database) == {"clients": 1, "authorization_requests": 1}


async def test_revoked_grant_goes_after_a_day(store: Store) -> None:
    await add_refresh_token(store)
    revocation = Revocation(RevocationKind.GRANT, "grant_1", NOW, NOW + timedelta(days=9))
    await store.grants.revoke(GrantId("grant_1"), revocation)
    assert await store.upkeep.sweep(NOW + DAY, LIMIT) == 0
    assert await store.upkeep.sweep(NOW + DAY + MICROSECOND, LIMIT) == 1
    assert await store.grants.get(GrantId("grant_1")) is None
    assert await store.grants.of_refresh_token(digest("rt_1")) is None


async def test_signing_keys_and_users_are_never_swept(store: Store) -> None:
    key = StoredSigningKey(1, "kid", "ES256", "{}", b"sealed", NOW, NOW)
    await store.signing_keys.add(key)
    assert await sweep_all(store, NOW + timedelta(days=10_000)) == 0
    assert await store.signing_keys.all() == [key]


# -- clients, which D-19 is about


async def test_registration_that_was_never_used_expires(store: Store) -> None:
    await store.clients.put(unused("never_used"))
    await store.clients.put(unused("later", NOW + DAY + MICROSECOND))
    await store.clients.put(unused("in_use", None))
    assert await store.upkeep.sweep(NOW + DAY, LIMIT) == 0
    assert await store.upkeep.sweep(NOW + DAY + MICROSECOND, LIMIT) == 1
    found = [await store.clients.get(ClientId(name)) is not None for name in ("never_used", "later", "in_use")]
    assert found == [False, True, True]


async def test_client_of_the_operator_never_expires(store: Store) -> None:
    ours = replace(unused("ours"), registration=Registration.PREREGISTERED)
    await store.clients.put(ours)
    await store.upkeep.sweep(NOW + timedelta(days=10_000), LIMIT)
    assert await store.clients.get(ours.client_id) == ours


async def test_client_of_the_operator_stays_after_its_last_grant(store: Store) -> None:
    ours = make_client(registration=Registration.PREREGISTERED)
    await store.clients.put(ours)
    await add_code(store)
    await sweep_all(store, NOW + timedelta(days=10_000))
    assert await store.grants.get(GrantId("grant_1")) is None
    assert await store.clients.get(CLIENT) == ours


async def test_client_with_a_live_grant_is_never_deleted(store: Store) -> None:
    token = await add_refresh_token(store)
    await store.clients.put(unused(CLIENT, NOW - DAY))  # even if it is said to have expired
    await sweep_all(store, NOW + DAY)
    assert await store.clients.get(CLIENT) is not None
    assert issued(await refresh(store, token, fresh="rt_next", now=NOW + DAY)) == "rt_next"


async def test_client_may_come_back_for_thirty_days_after_its_last_grant(store: Store) -> None:
    await add_refresh_token(store)
    ended = NOW + SETTINGS.refresh_token_lifetime + MICROSECOND
    await store.upkeep.sweep(ended, LIMIT)
    assert await store.clients.get(CLIENT) == unused(CLIENT, ended + timedelta(days=30))
    await sweep_all(store, ended + timedelta(days=30))
    assert await store.clients.get(CLIENT) is not None
    assert await sweep_all(store, ended + timedelta(days=30) + MICROSECOND) == 1
    assert await store.clients.get(CLIENT) is None


async def test_client_that_has_another_grant_does_not_begin_to_expire(store: Store) -> None:
    await add_refresh_token(store, "1")
    await add_refresh_token(store, "2")
    await store.grants.revoke(GrantId("grant_1"), Revocation(RevocationKind.GRANT, "grant_1", NOW, NOW))
    await sweep_all(store, NOW + DAY + MICROSECOND)
    assert await store.grants.get(GrantId("grant_1")) is None
    assert await store.clients.get(CLIENT) == make_client()


# A client whose id is the URL of its document comes back by itself: forgotten, it would come back enabled.
async def test_disabled_client_does_not_expire(store: Store) -> None:
    await add_codes(store, "1")
    await store.clients.put(unused("never_used"))
    for name in (CLIENT, ClientId("never_used")):
        await store.clients.end(name, NOW, NOW + DAY)
    await sweep_all(store, NOW + timedelta(days=10_000))
    assert await store.grants.get(GrantId("grant_1")) is None
    for name in (CLIENT, ClientId("never_used")):
        assert await store.clients.get(name) == replace(unused(name, None), disabled_at=NOW)


async def test_disabled_client_is_no_unused_one_that_makes_room(store: Store) -> None:
    await store.clients.put(unused("disabled"))
    await store.clients.end(ClientId("disabled"), NOW, NOW + DAY)
    assert await store.clients.register(unused("a"), 1, NOW + DAY) is not None
    assert await store.clients.register(unused("b", NOW + DAY + MICROSECOND), 1, NOW + DAY) is not None
    assert {client.client_id for client in await store.clients.newest(10)} == {"disabled", "b"}


async def test_client_may_come_back_for_thirty_days_after_it_was_enabled(store: Store) -> None:
    await store.clients.put(unused(CLIENT))
    await store.clients.end(CLIENT, NOW, NOW + DAY)
    later = NOW + timedelta(days=100)
    assert await store.clients.enable(CLIENT, later)
    assert await store.clients.get(CLIENT) == unused(CLIENT, later + timedelta(days=30))


async def test_enabled_client_with_a_revoked_grant_begins_to_expire_when_that_goes(store: Store) -> None:
    await add_codes(store, "1")
    await store.clients.end(CLIENT, NOW, NOW + DAY)
    assert await store.clients.enable(CLIENT, NOW)
    assert not await store.clients.enable(CLIENT, NOW)
    assert await store.clients.get(CLIENT) == make_client()
    swept_at = NOW + DAY + MICROSECOND
    await sweep_all(store, swept_at)
    assert await store.clients.get(CLIENT) == unused(CLIENT, swept_at + timedelta(days=30))


async def test_client_of_the_operator_that_was_enabled_never_expires(store: Store) -> None:
    ours = make_client(registration=Registration.PREREGISTERED)
    await store.clients.put(ours)
    await store.clients.end(CLIENT, NOW, NOW + DAY)
    await store.clients.enable(CLIENT, NOW)
    assert await store.clients.get(CLIENT) == ours


async def test_requests_of_a_client_go_with_it(store: Store, database: OpenDatabase) -> None:
    await store.clients.put(unused(CLIENT, NOW))
    await store.requests.add(make_request())
    await store.upkeep.sweep(NOW + MICROSECOND, LIMIT)
    assert await rows_of(database) == {}


# -- how it goes


def make_step(flow_id: str) -> FlowStep:
    return FlowStep(flow_id, NOW, Step.CHALLENGED, None, None, None, None, "/mcp", digest("here"), "r-1", None)


async def put_many(store: Store, count: int) -> None:
    """So many of each kind, all long gone 100 days from now."""
    names = [str(number) for number in range(count)]
    for code in await add_codes(store, *names):
        await redeem(store, code, fresh=code.replace("ac_", "rt_"))
    for name in names:
        await store.people.sign_in(SignIn(make_session(name, NOW), NOW))
        await store.revocations.add(make_revocation(name, NOW))
        await store.clients.put(unused(f"unused_{name}"))
        await store.requests.push(PushedRequest(digest(name), CLIENT, "scope=a", NOW))
        await store.flow_history.add([make_step(name)])
        await store.attempts.count([digest(name)], NOW, timedelta(minutes=10))


async def test_sweep_takes_so_many_of_each_kind_and_no_more(store: Store, database: OpenDatabase) -> None:
    await put_many(store, 7)
    before = await rows_of(database)
    assert before == {
        "authorization_codes": 7,
        "authorization_requests": 7,
        "attempts": 7,
        "clients": 8,
        "flow_steps": 7,
        "grants": 7,
        "pushed_requests": 7,
        "refresh_tokens": 7,
        "revocations": 7,
        "sign_in_sessions": 7,
    }
    await store.upkeep.sweep(NOW + timedelta(days=100), 3)
    after = await rows_of(database)
    kinds = (
        "authorization_requests",
        "attempts",
        "flow_steps",
        "pushed_requests",
        "refresh_tokens",
        "revocations",
        "sign_in_sessions",
        "clients",
    )
    assert {name: before[name] - after[name] for name in kinds} == dict.fromkeys(kinds, 3)
    assert await sweep_all(store, NOW + timedelta(days=100)) > 0
    assert await rows_of(database) == {"clients": 1}  # the one that was in use until now


async def test_two_nodes_sweep_at_once(store: Store, other_store: Store, database: OpenDatabase) -> None:
    await put_many(store, 40)
    now = NOW + timedelta(days=100)

    async def sweep_as_a_node_does(node: Store) -> None:
        """One that meets the other in a deadlock tries again (servers.background)."""
        for _ in range(3):
            with contextlib.suppress(StoreUnavailable):
                await sweep_all(node, now)

    await asyncio.gather(*(sweep_as_a_node_does(node) for node in (store, other_store)))
    assert await rows_of(database) == {"clients": 1}


async def test_sweep_reads_no_table_from_end_to_end(database: OpenDatabase, store: Store) -> None:
    await put_many(store, 8)
    for name in ("grant_0", "grant_1", "grant_2"):
        await store.grants.revoke(GrantId(name), Revocation(RevocationKind.GRANT, name, NOW, NOW))
    plans: list[tuple[str, str]] = []
    for step in sweeping.STEPS:
        plans += await database.write(partial(plans_of, step=step))
    assert len(plans) >= len(sweeping.STEPS)
    for statement, plan in plans:
        assert "INDEX" in plan.upper() or "PRIMARY KEY" in plan, (statement, plan)
        # SQLite's word and PostgreSQL's.
        assert not any(line.strip().startswith("SCAN") or "Seq Scan" in line for line in plan.splitlines()), plan


def plans_of(connection: Connection, step: Callable[..., int]) -> list[tuple[str, str]]:
    """How the database finds the rows for each statement of a step that had something to do."""
    ran: list[tuple[str, tuple[object, ...]]] = []

    def note(_1: object, _2: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        ran.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        assert step(connection, NOW + timedelta(days=100), 1) > 0
    finally:
        event.remove(connection, "before_cursor_execute", note)
    if connection.dialect.name == "postgresql":
        # Three rows are read fastest from end to end; the question is whether there is another way.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN"
    else:
        explain = "EXPLAIN QUERY PLAN"
    return [
        (
            statement,
            "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)),
        )
        for statement, parameters in ran
    ]


async def test_every_reference_has_an_index_so_that_a_deletion_finds_what_belongs_to_it(
    database: OpenDatabase,
) -> None:
    def unindexed(connection: Connection) -> set[tuple[str, str | None]]:
        found = inspect(connection)
        tables = found.get_table_names()
        references: set[tuple[str, str | None]] = {
            (t, each["constrained_columns"][0]) for t in tables for each in found.get_foreign_keys(t)
        }
        indexes = {(t, each["column_names"][0]) for t in tables for each in found.get_indexes(t)}
        uniques = {(t, each["column_names"][0]) for t in tables for each in found.get_unique_constraints(t)}
        assert len(references) == 5
        return references - indexes - uniques

    assert await database.read(unindexed) == set()


# -- what is renewed in the moment that it is swept


async def test_client_that_comes_into_use_while_the_sweep_waits_for_it_stays(postgresql_url: str) -> None:
    database = await open_database(postgresql_url)
    store = store_on(database)
    await store.clients.put(unused(CLIENT, NOW))
    use = "UPDATE clients SET expires_at = NULL"
    grant = "INSERT INTO grants VALUES ('grant_1', 'subject_1', 'client_1', 'r', 's', 0, 'aal1', 0, 9000000000000000)"
    async with watching(postgresql_url) as watcher, watcher.holding(use, grant) as consent:
        sweeping_ = asyncio.ensure_future(store.upkeep.sweep(NOW + DAY, LIMIT))
        await watcher.until_some(WAITING_FOR_A_LOCK)
        await consent.execute("COMMIT")
        assert await sweeping_ == 0
    assert await store.clients.get(CLIENT) == make_client()
    await database.close()


async def test_attempts_that_begin_anew_while_the_sweep_waits_for_them_are_counted(postgresql_url: str) -> None:
    database = await open_database(postgresql_url)
    store = store_on(database)
    window = timedelta(minutes=10)
    await store.attempts.count([digest("ada")], NOW - DAY, window)
    begin_anew = f"UPDATE attempts SET count = 5, expires_at = {to_micros(NOW + window)}"  # noqa: S608
    async with watching(postgresql_url) as watcher, watcher.holding(begin_anew) as other_node:
        sweeping_ = asyncio.ensure_future(store.upkeep.sweep(NOW, LIMIT))
        await watcher.until_some(WAITING_FOR_A_LOCK)
        await other_node.execute("COMMIT")
        assert await sweeping_ == 0
    assert [each.count for each in await store.attempts.count([digest("ada")], NOW, window)] == [6]
    await database.close()
