"""What the resources add to the story of a connection, and how it is written down."""

from collections.abc import Sequence
from dataclasses import replace

from starlette.types import Scope

from mcp_auth.rejection import Rejection
from oauth.flow_history.events import FlowStep
from oauth.flow_history.recorder import FlowRecorder
from oauth.foundation.outages import Outage
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import GrantId, Step
from oauth.protocol import access_token
from oauth.protocol.access_token import AccessToken
from oauth.protocol.models import Grant
from oauth.protocol.resources import Resource, Resources
from oauth.stores.ports import FlowHistory, Grants
from servers.observability.log import current_scope

_KEPT_OUT = {
    ReasonCode.HOST_UNKNOWN: "The request named another host.",
    ReasonCode.ORIGIN_NOT_ALLOWED: "The request came from a web page of an origin that may not call.",
    ReasonCode.RATE_LIMITED: "There were too many requests.",
    ReasonCode.UNHANDLED_ERROR: "Something went wrong here.",
}


def record_refused_request(flows: FlowRecorder, scope: Scope, reason: ReasonCode) -> None:
    """A request that the outermost layer answered, where it would have been a step of a connection."""
    context = context_of(scope)
    if context.step is not None:
        flows.record(context, context.step, reason=reason, description=_KEPT_OUT[reason])


class FlowHistoryWriter:
    """Between the resources, the flows and the store."""

    def __init__(self, flows: FlowRecorder, resources: Resources, history: FlowHistory, grants: Grants) -> None:
        self._flows = flows
        self._resources = resources
        self._history = history
        self._grants = grants

    def turned_away(self, scope: Scope, resource: Resource, rejection: Rejection | None) -> None:
        """A request without a good token."""
        if rejection is None:
            self._flows.record(context_of(scope), Step.CHALLENGED, resource=resource.path)
        elif rejection.grant_id is not None:
            self._flows.record_call(
                rejection.grant_id,
                resource=resource.path,
                request_id=context_of(scope).request_id,
                reason=rejection.reason,
                description=rejection.description,
            )
        else:
            self._flows.record(
                context_of(scope),
                Step.CALLED,
                resource=resource.path,
                reason=rejection.reason,
                description=rejection.description,
            )

    def first_call(self, token: AccessToken) -> None:
        """The first token of a grant has been used: the client is connected."""
        if access_token.generation_of(token.token_id) == 0:
            resource = self._resources.get(token.audience)
            scope = current_scope.get(None) or {}
            self._flows.record_call(
                token.grant_id,
                resource=None if resource is None else resource.path,
                request_id=context_of(scope).request_id,
            )

    async def write_down(self) -> None:
        """What has been noted since; what an outage keeps from it waits."""
        steps = self._flows.take()
        try:
            await self._history.add(await self._with_flows_of_grants(steps))
        except Outage:
            self._flows.give_back(steps)
            raise

    async def _with_flows_of_grants(self, steps: Sequence[FlowStep]) -> Sequence[FlowStep]:
        """A call may come to any node: which flow it ends, and whose it is, its grant knows."""
        grants: dict[str, Grant | None] = {}
        for step in steps:
            if not step.flow_id and step.grant_id is not None and step.grant_id not in grants:
                grants[step.grant_id] = await self._grants.get(GrantId(step.grant_id))
        return [step if step.flow_id else self._placed(step, grants.get(step.grant_id or "")) for step in steps]

    def _placed(self, step: FlowStep, grant: Grant | None) -> FlowStep:
        if grant is None:
            return replace(step, flow_id=self._flows.new_id())
        return replace(step, flow_id=grant.flow_id or self._flows.new_id(), client_id=grant.client_id)
