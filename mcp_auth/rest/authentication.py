"""What the dependencies of an application work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from mcp_auth.guard import Notice, Verify
from mcp_auth.possession import Possession
from mcp_auth.rest.tickets import StreamTickets
from mcp_auth.service_keys import NO_SERVICES, ServiceKeys
from mcp_auth.users.filling import Filling
from mcp_auth.users.known_ids import KnownIds
from mcp_auth.users.store import UserStore
from oauth.resources import Resource
from oauth.vocabulary import Subject

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
