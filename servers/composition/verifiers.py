"""One token verifier per resource, on the keys, people and revocations of the node."""

from collections.abc import Callable

from mcp_auth.rejection import Rejection
from mcp_auth.verifier import SupabaseTokenVerifier
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import ResourceIndicator
from oauth.key_ring import KeyRing
from oauth.protocol.access_token import AccessToken
from oauth.protocol.resources import Resources
from servers.composition.people import People


class Verifiers:
    """The verifiers of the resources that are served here, and of remote ones, whose servers introspect (RFC 7662).

    issuer: the issuer of this authorization server.
    on_first_sight: called once with every valid first-party token."""

    def __init__(
        self,
        resources: Resources,
        issuer: str,
        key_ring: KeyRing,
        people: People,
        clock: Clock,
        on_first_sight: Callable[[AccessToken], None],
    ) -> None:
        self._by_resource = {
            resource.identifier: SupabaseTokenVerifier(
                resource,
                issuer=issuer,
                keys=key_ring,
                sessions=people.sessions,
                access_statuses=people.access_statuses,
                revocations=people.revocations,
                clock=clock,
                on_first_sight=on_first_sight,
            )
            for resource in resources.all
        }

    def for_resource(self, resource: ResourceIndicator) -> SupabaseTokenVerifier:
        """The verifier of a resource. Raises KeyError where it is unknown."""
        return self._by_resource[resource]

    async def confirm(self, token: str, resource: ResourceIndicator) -> bool:
        """Would the resource accept the token now? Raises Outage where that cannot be checked."""
        verifier = self._by_resource.get(resource)
        return verifier is not None and not isinstance(await verifier.verify(token), Rejection)
