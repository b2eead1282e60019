"""What the dependencies of an application work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from mcp_auth.authentication import Authenticator
from mcp_auth.rest.tickets import StreamTickets
from mcp_auth.service_keys import NO_SERVICES, ServiceKeys
from mcp_auth.supabase.identifier_sync import IdentifierSync
from mcp_auth.users.id_cache import UserIdCache
from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Subject
from oauth.protocol.resources import Resource

# For a person: a question that can be asked again and again, whether they may still have what they have now.
Watch = Callable[[Subject], Callable[[], Awaitable[bool]]]


@dataclass(frozen=True, slots=True)
class RestAuthentication:
    """What the dependencies need.

    authenticator: of the REST resource.
    watch: asks again and again whether a person still has access, for streams.
    watch_interval: how often a stream asks.
    service_keys: of other services."""

    authenticator: Authenticator
    watch: Watch
    users: UserStore
    user_ids: UserIdCache
    identifier_sync: IdentifierSync
    tickets: StreamTickets
    watch_interval: timedelta
    service_keys: ServiceKeys = NO_SERVICES

    @property
    def resource(self) -> Resource:
        """The REST resource."""
        return self.authenticator.resource
