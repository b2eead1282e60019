"""What an application gives to the dependencies."""

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

# Person → a function that tells whether their access has continued since. See SupabaseTokenVerifier.watch.
Watch = Callable[[Subject], Callable[[], Awaitable[bool]]]


@dataclass(frozen=True, slots=True)
class RestAuthentication:
    """What the dependencies need, in `app.state.rest_authentication`.

    authenticator: of the REST resource.
    watch: starts to watch a person's access, for streams and WebSockets.
    users: the local rows.
    user_ids: local ids, for routes that do not read the row.
    identifier_sync: fills in an email or phone that was verified after the row was created.
    tickets: for streams and WebSockets of browsers.
    watch_interval: between two checks of a stream or WebSocket.
    service_keys: of the operator's other services."""

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
