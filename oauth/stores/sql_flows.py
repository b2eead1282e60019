"""The story of each connection in the Store: see there for what each promises."""

from collections.abc import Sequence

from sqlalchemy import insert, or_, select

from oauth.flows import FlowStep
from oauth.stores import rows
from oauth.stores.instants import to_micros
from oauth.stores.ports import FlowsSought
from oauth.stores.sql_part import SqlPart
from oauth.stores.tables import flow_steps


class FlowsInSql(SqlPart):
    """What has been noted of those who connect."""

    async def add_flow_steps(self, steps: Sequence[FlowStep]) -> None:
        if steps:
            values = [rows.flow_step_values(step) for step in steps]
            await self._database.write(lambda connection: connection.execute(insert(flow_steps), values))

    async def flow_steps(self, sought: FlowsSought, limit: int) -> Sequence[FlowStep]:
        columns = flow_steps.c
        has_one = or_(
            columns.flow_id.in_(sought.flow_ids),
            columns.client_id.in_(sought.client_ids),
            columns.grant_id.in_(sought.grant_ids),
            columns.request_id.in_(sought.request_ids),
            columns.network.in_(sought.networks),
        )
        query = select(flow_steps).where(has_one)
        if sought.between is not None:
            query = query.where(columns.recorded_at.between(to_micros(sought.between[0]), to_micros(sought.between[1])))
        query = query.order_by(columns.recorded_at, columns.number).limit(limit)
        return [rows.flow_step_of(row) for row in await self._all(query)]
