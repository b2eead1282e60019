"""What the dependencies of an application work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from mcp_auth.mcp_guard import Notice, Verify
from mcp_auth.rest.tickets import StreamTickets
from mcp_auth.service_keys import NO_SERVICES, ServiceKeys
from mcp_auth.supabase.identifier_sync import Filling
from mcp_auth.tokens.possession import Possession
from mcp_auth.users.id_cache import KnownIds
from mcp_auth.users.store import UserStore
from oauth.foundation.vocabulary import Subject
from oauth.protocol.resources import Resource

# For a person: a question that can be asked again and again, whether they may still have what they have now.
Watch = Callable[[Subject], Callable[[], Awaitable[bool]]]


@dataclass(frozen=True, slots=True)
class RestAuthentication:
    """The REST resource, its verifier's `verify` and `watch`, what checks proofs of possession, and the people.

    notice: told of each request that is turned away. look_every: how often a stream asks whether its person still has
    access. service_keys: of other services (SEED-52)."""

    resource: Resource
    verify: Verify
    possession: Possession
    watch: Watch
    users: UserStore
    known_ids: KnownIds
    filling: Filling
    tickets: StreamTickets
    notice: Notice
    look_every: timedelta
    service_keys: ServiceKeys = NO_SERVICES
