"""The port FlowHistory in SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, insert, select

from oauth.database.timestamps import to_micros
from oauth.flow_history.events import FlowStep
from oauth.stores.ports import FlowStepQuery
from oauth.stores.sql import rows
from oauth.stores.sql.base import SqlPort
from oauth.stores.sql.tables import flow_steps


class SqlFlowHistory(SqlPort):
    """See FlowHistory."""

    async def add(self, steps: Sequence[FlowStep]) -> None:
        if steps:
            values = [rows.flow_step_values(step) for step in steps]
            await self._database.write(lambda connection: connection.execute(insert(flow_steps), values))

    async def find(self, query: FlowStepQuery, limit: int) -> Sequence[FlowStep]:
        newest = await self._all(self.newest_steps(query, limit))
        return [rows.flow_step_of(row) for row in reversed(newest)]

    @staticmethod
    def newest_steps(query: FlowStepQuery, limit: int) -> Select[Any]:
        """One column at a time: each has an index that is in the order of time, and is read from its end."""
        columns = flow_steps.c
        found = select(flow_steps).where(columns[query.field] == query.value)
        if query.since is not None:
            found = found.where(columns.recorded_at >= to_micros(query.since))
        if query.until is not None:
            found = found.where(columns.recorded_at <= to_micros(query.until))
        return found.order_by(columns.recorded_at.desc(), columns.number.desc()).limit(limit)
