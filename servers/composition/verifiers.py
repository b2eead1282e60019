"""One verifier a resource, over what the node knows of keys, people and revocations."""

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
    """Of the resources that are served here, and of those elsewhere, whose servers ask (RFC 7662).

    issuer: ours. on_first_sight: told once of every first party token that is good."""

    def __init__(
        self,
        resources: Resources,
        issuer: str,
        key_ring: KeyRing,
        people: People,
        clock: Clock,
        on_first_sight: Callable[[AccessToken], None],
    ) -> None:
        self._of = {
            resource.identifier: SupabaseTokenVerifier(
                resource,
                issuer=issuer,
                keys=key_ring,
                sessions=people.sessions,
                access_statuses=people.standings,
                revocations=people.revocations,
                clock=clock,
                on_first_sight=on_first_sight,
            )
            for resource in resources.all
        }

    def of(self, resource: ResourceIndicator) -> SupabaseTokenVerifier:
        """The verifier of a resource that there is."""
        return self._of[resource]

    async def confirm(self, token: str, resource: ResourceIndicator) -> bool:
        """Would the resource take the token now? Raises Outage when nobody can tell."""
        verifier = self._of.get(resource)
        return verifier is not None and not isinstance(await verifier.verify(token), Rejection)
