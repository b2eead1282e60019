"""What has been noted of those who connect is read from its newest end, by an index, and no more of it than asked."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, event, text

from oauth.flow_history.events import FlowStep
from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import Step
from oauth.stores.opening import OpenDatabase
from oauth.stores.ports import FlowStepQuery, FlowStepQueryField, Store
from oauth.stores.sql import sweeping
from oauth.stores.sql.flow_history import SqlFlowHistory
from tests.support.builders import NOW

HERE = digest("here")
VALUES: dict[FlowStepQueryField, str | bytes] = {
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
async def test_steps_are_found_by_each_of_their_ids_and_by_no_other(store: Store, by: FlowStepQueryField) -> None:
    other = b"elsewhere" if by == "network" else "other"
    step = make_step()
    await store.flow_history.add([step, make_step(1, **{by: other})])
    assert list(await store.flow_history.find(FlowStepQuery(by, VALUES[by]), 10)) == [step]


async def test_of_more_than_are_asked_for_the_newest_are_given_oldest_first(store: Store) -> None:
    await store.flow_history.add([make_step(seconds) for seconds in (3, 1, 4, 0, 2)])
    assert times(list(await store.flow_history.find(FlowStepQuery("flow_id", "fl_1"), 3))) == [2, 3, 4]


async def test_time_narrows_what_is_found_and_its_ends_count(store: Store) -> None:
    await store.flow_history.add([make_step(seconds) for seconds in range(5)])

    def at(seconds: int) -> datetime:
        return NOW + timedelta(seconds=seconds)

    found = await store.flow_history.find(FlowStepQuery("network", HERE, since=at(1), until=at(3)), 10)
    assert times(list(found)) == [1, 2, 3]


# Whatever a flood has left in the table: an id that half the table has costs no more than another.
@pytest.mark.parametrize("by", VALUES)
async def test_steps_are_read_by_an_index_that_ends_where_enough_was_read(
    store: Store, database: OpenDatabase, by: FlowStepQueryField
) -> None:
    await store.flow_history.add([make_step(seconds) for seconds in range(2000)])
    await store.flow_history.add(
        [make_step(seconds, **{by: b"x" if by == "network" else "x"}) for seconds in range(50)]
    )
    await database.write(lambda connection: connection.execute(text("ANALYZE")))
    plan = await plan_of(database, FlowStepQuery(by, VALUES[by], since=NOW, until=NOW + timedelta(hours=1)))
    assert f"ix_flow_steps_{by}_recorded_at" in plan, plan
    assert "SCAN FLOW_STEPS" not in plan.upper(), plan
    assert "TEMP B-TREE" not in plan.upper(), plan
    assert "Bitmap" not in plan, plan


async def plan_of(database: OpenDatabase, sought: FlowStepQuery) -> str:
    """How the database finds the steps."""
    ran: list[tuple[str, tuple[object, ...]]] = []

    def work(connection: Connection) -> str:
        def note(_1: object, _2: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
            ran.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        try:
            connection.execute(SqlFlowHistory.newest_steps(sought, 20))
        finally:
            event.remove(connection, "before_cursor_execute", note)
        ((statement, parameters),) = ran
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
        return "\n".join(str(row[-1]) for row in rows)

    return await database.write(work)


# STD-133: a flood ends the oldest stories, rather than the disk.
async def test_no_more_steps_are_kept_than_there_may_be(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MOST_FLOW_STEPS", 4)
    await store.flow_history.add([make_step(seconds) for seconds in range(10)])
    assert await store.upkeep.sweep(NOW, 5) == 5
    assert await store.upkeep.sweep(NOW, 5) == 1
    assert await store.upkeep.sweep(NOW, 5) == 0
    assert times(list(await store.flow_history.find(FlowStepQuery("flow_id", "fl_1"), 20))) == [6, 7, 8, 9]
