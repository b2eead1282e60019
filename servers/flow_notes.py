"""What the resources add to the story of a connection, and how it is written down."""

from starlette.types import Scope

from mcp_auth.rejection import Rejection
from oauth import access_token
from oauth.access_token import AccessToken
from oauth.flows import Flows, Step
from oauth.outages import Outage
from oauth.resources import Resource, Resources
from oauth.stores.ports import Store


class FlowNotes:
    """Between the resources, the flows and the store."""

    def __init__(self, flows: Flows, resources: Resources, store: Store) -> None:
        self._flows = flows
        self._resources = resources
        self._store = store

    def turned_away(self, scope: Scope, resource: Resource, rejection: Rejection | None) -> None:
        """A request without a good token."""
        if rejection is None:
            self._flows.note(scope, Step.CHALLENGED, resource=resource.path)
        else:
            self._flows.note(
                scope,
                Step.CALLED,
                resource=resource.path,
                reason=rejection.reason,
                description=rejection.description,
            )

    def first_call(self, token: AccessToken) -> None:
        """The first token of a grant has been used: the client is connected."""
        resource = self._resources.get(token.audience)
        if access_token.generation_of(token.token_id) == 0:
            self._flows.note(
                {},
                Step.CALLED,
                client_id=token.client_id,
                grant_id=token.grant_id,
                resource=None if resource is None else resource.path,
            )

    async def write_down(self) -> None:
        """What has been noted since; what an outage keeps from it waits."""
        steps = self._flows.take()
        try:
            await self._store.add_flow_steps(steps)
        except Outage:
            self._flows.give_back(steps)
            raise
