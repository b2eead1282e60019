"""The parts that a node shares: database, keys, people, verifiers, and the periodic tasks that feed them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from mcp_auth.authentication import Authenticator
from mcp_auth.tokens.possession import Possession
from oauth.database.database import check_revision
from oauth.flow_history.recorder import FlowRecorder
from oauth.foundation.clock import Clock
from oauth.foundation.credentials import Entropy, KeyEncryption
from oauth.key_ring import KeyRing
from oauth.protocol.access_token import AccessToken
from oauth.protocol.dpop import Nonces
from oauth.protocol.resources import Resource, Resources
from oauth.protocol.settings import Settings
from oauth.remote.fetching import INTERNET, Network
from oauth.revocation import Revoker, announce_to_nobody
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import Store
from oauth.stores.sql.tables import REVISION
from servers.composition import background
from servers.composition.background import Intervals, RevocationFeed, SightingQueue
from servers.composition.people import People, open_people
from servers.composition.verifiers import Verifiers
from servers.configuration import clients as configured_clients
from servers.configuration.settings import GatewaySettings
from servers.edge.rate_limit import RateLimiter
from servers.explain.recording import FlowHistoryWriter
from servers.observability.status import StatusProbe


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The external dependencies of a node, which tests replace.

    clock: the current time.
    entropy: random bytes.
    network: fetches client documents and issuer keys.
    intervals: of the periodic tasks."""

    clock: Clock
    entropy: Entropy
    network: Network = INTERNET
    intervals: Intervals = field(default_factory=Intervals)


@dataclass(frozen=True, slots=True)
class Node:
    """The open parts of a node.

    settings: of the whole program.
    issuing: settings of the authorization server.
    resources: the resources that tokens are issued for.
    surroundings: the external dependencies.
    database: the open database.
    store: the ports of the authorization server, on that database.
    key_ring: the signing keys.
    people: what concerns users.
    verifiers: the token verifier of each resource.
    dpop_nonces: makes and checks DPoP nonces (RFC 9449 §8).
    possession: checks DPoP proofs at the resources (RFC 9449 §7).
    flow_recorder: records the steps of attempts to connect.
    flow_history: writes these steps, and records those at the resources.
    probe: checks the health of the components."""

    settings: GatewaySettings
    issuing: Settings
    resources: Resources
    surroundings: Surroundings
    database: OpenDatabase
    store: Store
    key_ring: KeyRing
    people: People
    verifiers: Verifiers
    dpop_nonces: Nonces
    possession: Possession
    flow_recorder: FlowRecorder
    flow_history: FlowHistoryWriter
    probe: StatusProbe

    def resource(self, path: str) -> Resource:
        """The resource that is served at a path. Raises StopIteration where there is none."""
        return next(resource for resource in self.resources.served if resource.path == path)

    def authenticator(self, path: str) -> Authenticator:
        """The authenticator of the resource at a path."""
        resource = self.resource(path)
        verify = self.verifiers.for_resource(resource.identifier).verify
        return Authenticator(resource, verify, self.possession, self.flow_history.turned_away)


@asynccontextmanager
async def open_node(
    settings: GatewaySettings,
    resources: Resources,
    surroundings: Surroundings,
    flow_recorder: FlowRecorder,
    limiter: RateLimiter | None,
) -> AsyncIterator[Node]:
    """Open the parts in the order of their dependencies. The periodic tasks run while the context is open."""
    clock, intervals = surroundings.clock, surroundings.intervals
    async with AsyncExitStack() as stack:
        database = await open_database(settings.database_url, settings.database_pool_size)
        stack.push_async_callback(database.close)
        await check_revision(database, REVISION)
        store, issuing = store_on(database), settings.authorization_server()
        encryption = KeyEncryption(settings.root_secrets, surroundings.entropy)
        key_ring = KeyRing(store.signing_keys, encryption, issuing.access_token_lifetime)
        await key_ring.load(clock())
        # Announces nothing here: the feed below reads its revocations, with those of other nodes.
        revoker = Revoker(store, announce_to_nobody, clock, issuing.revocations_matter_for)
        await configured_clients.bring_in_step(settings.clients, resources, settings.known.custom_redirects, revoker)

        people = await stack.enter_async_context(open_people(settings, database, store, encryption, clock, intervals))
        feed, sightings = (
            RevocationFeed(store.revocations, people.revocations, clock),
            SightingQueue(store.grants, clock),
        )
        await feed.poll()
        await stack.enter_async_context(
            background.run_periodic_tasks(store.upkeep, key_ring, feed, sightings, clock, intervals)
        )
        await stack.enter_async_context(
            background.exchange_request_counts(limiter, store.attempts, intervals.request_counts)
        )
        flow_history = FlowHistoryWriter(flow_recorder, resources, store.flow_history, store.grants)
        await stack.enter_async_context(background.write_flow_history(flow_history, intervals.flow_history))

        def record_first_use(token: AccessToken) -> None:
            sightings.add(token)
            flow_history.first_call(token)

        nonces = Nonces(settings.root_secrets)
        yield Node(
            settings=settings,
            issuing=issuing,
            resources=resources,
            surroundings=surroundings,
            database=database,
            store=store,
            key_ring=key_ring,
            people=people,
            verifiers=Verifiers(resources, issuing.issuer, key_ring, people, clock, record_first_use),
            dpop_nonces=nonces,
            possession=Possession(settings.public_url, clock, nonces if issuing.dpop_nonces else None),
            flow_recorder=flow_recorder,
            flow_history=flow_history,
            probe=StatusProbe(store.upkeep, key_ring, people.supabase, clock),
        )
