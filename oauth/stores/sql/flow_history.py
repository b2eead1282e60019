"""The story of each connection in the Store: see there for what each promises."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, insert, select

from oauth.database.timestamps import to_micros
from oauth.flow_history.events import FlowStep
from oauth.stores.ports import FlowsSought
from oauth.stores.sql import rows
from oauth.stores.sql.base import SqlPart
from oauth.stores.sql.tables import flow_steps


class FlowsInSql(SqlPart):
    """What has been noted of those who connect."""

    async def add_flow_steps(self, steps: Sequence[FlowStep]) -> None:
        if steps:
            values = [rows.flow_step_values(step) for step in steps]
            await self._database.write(lambda connection: connection.execute(insert(flow_steps), values))

    async def flow_steps(self, sought: FlowsSought, limit: int) -> Sequence[FlowStep]:
        newest = await self._all(self.newest_steps(sought, limit))
        return [rows.flow_step_of(row) for row in reversed(newest)]

    @staticmethod
    def newest_steps(sought: FlowsSought, limit: int) -> Select[Any]:
        """One column at a time: each has an index that is in the order of time, and is read from its end."""
        columns = flow_steps.c
        query = select(flow_steps).where(columns[sought.by] == sought.value)
        if sought.since is not None:
            query = query.where(columns.recorded_at >= to_micros(sought.since))
        if sought.until is not None:
            query = query.where(columns.recorded_at <= to_micros(sought.until))
        return query.order_by(columns.recorded_at.desc(), columns.number.desc()).limit(limit)
