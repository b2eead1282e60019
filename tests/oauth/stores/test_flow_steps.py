"""What has been noted of those who connect is read from its newest end, by an index, and no more of it than asked."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, event, text

from oauth.flow_history.events import FlowStep, Step
from oauth.foundation.credentials import digest
from oauth.stores.opening import OpenDatabase
from oauth.stores.ports import FlowsSought, SoughtBy
from oauth.stores.sql import sweeping
from oauth.stores.sql.store import SqlStore
from tests.support.builders import NOW

HERE = digest("here")
VALUES: dict[SoughtBy, str | bytes] = {
    "flow_id": "fl_1",
    "client_id": "client_1",
    "grant_id": "gr_1",
    "request_id": "r-1",
    "network": HERE,
}


def make_step(seconds: int = 0, **changed: object) -> FlowStep:
    at = NOW + timedelta(seconds=seconds)
    step = FlowStep("fl_1", at, Step.CALLED, None, None, None, "client_1", "/mcp", HERE, "r-1", "gr_1")
    return replace(step, **changed)  # type: ignore[arg-type]


def times(steps: list[FlowStep]) -> list[int]:
    return [int((step.recorded_at - NOW).total_seconds()) for step in steps]


@pytest.mark.parametrize("by", VALUES)
async def test_steps_are_found_by_each_of_their_ids_and_by_no_other(store: SqlStore, by: SoughtBy) -> None:
    other = b"elsewhere" if by == "network" else "other"
    step = make_step()
    await store.add_flow_steps([step, make_step(1, **{by: other})])
    assert list(await store.flow_steps(FlowsSought(by, VALUES[by]), 10)) == [step]


async def test_of_more_than_are_asked_for_the_newest_are_given_oldest_first(store: SqlStore) -> None:
    await store.add_flow_steps([make_step(seconds) for seconds in (3, 1, 4, 0, 2)])
    assert times(list(await store.flow_steps(FlowsSought("flow_id", "fl_1"), 3))) == [2, 3, 4]


async def test_time_narrows_what_is_found_and_its_ends_count(store: SqlStore) -> None:
    await store.add_flow_steps([make_step(seconds) for seconds in range(5)])

    def at(seconds: int) -> datetime:
        return NOW + timedelta(seconds=seconds)

    found = await store.flow_steps(FlowsSought("network", HERE, since=at(1), until=at(3)), 10)
    assert times(list(found)) == [1, 2, 3]


# Whatever a flood has left in the table: an id that half the table has costs no more than another.
@pytest.mark.parametrize("by", VALUES)
async def test_steps_are_read_by_an_index_that_ends_where_enough_was_read(
    store: SqlStore, database: OpenDatabase, by: SoughtBy
) -> None:
    await store.add_flow_steps([make_step(seconds) for seconds in range(2000)])
    await store.add_flow_steps([make_step(seconds, **{by: b"x" if by == "network" else "x"}) for seconds in range(50)])
    await database.write(lambda connection: connection.execute(text("ANALYZE")))
    plan = await plan_of(store, database, FlowsSought(by, VALUES[by], since=NOW, until=NOW + timedelta(hours=1)))
    assert f"ix_flow_steps_{by}_recorded_at" in plan, plan
    assert "SCAN FLOW_STEPS" not in plan.upper(), plan
    assert "TEMP B-TREE" not in plan.upper(), plan
    assert "Bitmap" not in plan, plan


async def plan_of(store: SqlStore, database: OpenDatabase, sought: FlowsSought) -> str:
    """How the database finds the steps."""
    ran: list[tuple[str, tuple[object, ...]]] = []

    def work(connection: Connection) -> str:
        def note(_1: object, _2: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
            ran.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        try:
            connection.execute(store.newest_steps(sought, 20))
        finally:
            event.remove(connection, "before_cursor_execute", note)
        ((statement, parameters),) = ran
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
        return "\n".join(str(row[-1]) for row in rows)

    return await database.write(work)


# STD-133: a flood ends the oldest stories, rather than the disk.
async def test_no_more_steps_are_kept_than_there_may_be(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MOST_FLOW_STEPS", 4)
    await store.add_flow_steps([make_step(seconds) for seconds in range(10)])
    assert await store.sweep(NOW, 5) == 5
    assert await store.sweep(NOW, 5) == 1
    assert await store.sweep(NOW, 5) == 0
    assert times(list(await store.flow_steps(FlowsSought("flow_id", "fl_1"), 20))) == [6, 7, 8, 9]
