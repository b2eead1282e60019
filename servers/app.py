"""The one place that puts everything together: settings in, an ASGI application out."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI
from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from mcp_auth.authentication import Authenticator
from mcp_auth.mcp_guard import McpGuard
from mcp_auth.rest import RestAuthentication
from mcp_auth.rest.tickets import StreamTickets
from mcp_auth.supabase.identifier_sync import Filling
from mcp_auth.tokens.possession import Possession
from mcp_auth.users.id_cache import KnownIds
from oauth.authorization_server import AuthorizationServer
from oauth.client_registry.metadata_documents import ClientDocuments
from oauth.client_registry.resource_servers import ResourceServers
from oauth.client_registry.secrets import ClientSecrets
from oauth.database.database import check_revision
from oauth.flow_history.recorder import FlowRecorder
from oauth.foundation.admission_queue import BoundedQueue
from oauth.foundation.clock import Clock, system_clock
from oauth.foundation.credentials import Entropy, KeyEncryption, derive
from oauth.foundation.vocabulary import Step
from oauth.key_ring import KeyRing
from oauth.pages import Pages
from oauth.protocol.access_token import AccessToken
from oauth.protocol.dpop import Nonces
from oauth.protocol.resources import Resources
from oauth.protocol.route_table import Cors, RouteEntry, RouteTable, authorization_server_entries
from oauth.remote.fetching import INTERNET, Network
from oauth.revocation import Revoker, announce_to_nobody
from oauth.routes import routes as authorization_server_routes
from oauth.stores.opening import open_database, store_on
from oauth.stores.sql.tables import REVISION
from servers.api.app import AddRoutes, create_api
from servers.api.auth import AuthConfig, auth_router
from servers.api.identifier_status import identifier_status_router
from servers.api.users import users_router
from servers.api.webhooks import webhook_routes
from servers.composition import background
from servers.composition.background import Intervals, RevocationFeed, Sightings
from servers.composition.people import open_people
from servers.composition.verifiers import Verifiers
from servers.configuration import clients as configured_clients
from servers.configuration import trusted_issuers
from servers.configuration.origin import is_loopback
from servers.configuration.resources import ADMIN_PATH, API_PATH, USER_PATH
from servers.configuration.settings import GatewaySettings
from servers.edge import health
from servers.edge.edge import Edge, EdgeSettings
from servers.edge.rate_limit import RateLimiter
from servers.edge.routing import Direct, PostOnly, lost, mcp_routes
from servers.explain.recording import FlowNotes, kept_out
from servers.mcp.admin import create_admin_server
from servers.mcp.server import http_app, index_tools
from servers.mcp.user import create_user_server
from servers.observability.status import StatusProbe

log = structlog.get_logger()

AddTools = Callable[[FastMCP, FastMCP], None]

_PORTS = {"http": 80, "https": 443}


def _no_tools(_user: FastMCP, _admin: FastMCP) -> None:
    pass


def _no_routes(_api: FastAPI) -> None:
    pass


def _nothing() -> None:
    pass


def create_app(
    settings: GatewaySettings,
    *,
    clock: Clock = system_clock,
    entropy: Entropy = os.urandom,
    add_tools: AddTools = _no_tools,
    add_routes: AddRoutes = _no_routes,
    when_started: Callable[[], None] = _nothing,
    network: Network = INTERNET,
    intervals: Intervals = Intervals(),  # noqa: B008 - frozen
) -> ASGIApp:
    """The gateway. Its database is opened when the server starts it, and closed when it stops.

    add_tools: is given the user and the admin server, to add an operator's own tools. add_routes: the same for the
    REST API. network: how documents of clients are fetched. intervals: of the periodic tasks."""
    resources = settings.all_resources

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _open_routes(
            settings, resources, limiter, flows, network, clock, entropy, add_tools, add_routes, intervals
        ) as routes:
            app.router.routes[:] = routes
            direct.fill(routes)
            when_started()
            yield

    flows = FlowRecorder(derive(settings.root_secrets[0], b"mcp-auth flow networks v1"), clock, entropy)
    limiter = RateLimiter(settings.requests_per_minute, clock) if settings.requests_per_minute else None
    application = Starlette(lifespan=lifespan, exception_handlers=lost(settings.public_url))
    # D-1, F-32: Starlette would answer a path with a slash too many with a 307 to whatever Host and the proxy's scheme
    # say, and the client would post its secret there.
    application.router.redirect_slashes = False
    direct = Direct(application)
    return Edge(direct, _edge_settings(settings, resources), entropy, limiter, partial(kept_out, flows))


@asynccontextmanager
async def _open_routes(
    settings: GatewaySettings,
    resources: Resources,
    limiter: RateLimiter | None,
    flows: FlowRecorder,
    network: Network,
    clock: Clock,
    entropy: Entropy,
    add_tools: AddTools,
    add_routes: AddRoutes,
    intervals: Intervals,
) -> AsyncIterator[list[BaseRoute]]:
    """Everything that has to be opened, in the order in which it depends on each other."""
    async with AsyncExitStack() as stack:
        database = await open_database(settings.database_url, settings.database_pool_size)
        stack.push_async_callback(database.close)
        await check_revision(database, REVISION)
        store = store_on(database)
        issuing, known = settings.authorization_server(), settings.known
        encryption = KeyEncryption(settings.root_secrets, entropy)
        key_ring = KeyRing(store.signing_keys, encryption, issuing.access_token_lifetime)
        await key_ring.load(clock())
        # This process reads the revocations below, with those of other nodes.
        revoker = Revoker(store, announce_to_nobody, clock, issuing.revocations_matter_for)
        await configured_clients.bring_in_step(settings.clients, resources, known.custom_redirects, revoker)

        people = await stack.enter_async_context(open_people(settings, database, store, encryption, clock, intervals))
        feed, sightings = RevocationFeed(store.revocations, people.revocations, clock), Sightings(store.grants, clock)
        await feed.poll()
        await stack.enter_async_context(background.running(store.upkeep, key_ring, feed, sightings, clock, intervals))
        await stack.enter_async_context(background.sharing(limiter, store.attempts, intervals.request_counts))
        notes = FlowNotes(flows, resources, store.flow_history, store.grants)
        await stack.enter_async_context(background.telling(notes, intervals.flow_history))

        def first_sight(token: AccessToken) -> None:
            sightings.add(token)
            notes.first_call(token)

        verifiers = Verifiers(resources, issuing.issuer, key_ring, people, clock, first_sight)
        nonces = Nonces(settings.root_secrets)
        possession = Possession(settings.public_url, clock, nonces if issuing.dpop_nonces else None)
        documents = await stack.enter_async_context(
            background.acquainted(
                ClientDocuments(store.clients, network, issuing, known, resources.scopes, clock),
                trusted_issuers.documents_of(issuing.trusted_issuers),
                intervals.client_documents,
            )
        )
        client_secrets = ClientSecrets(entropy)
        stack.callback(client_secrets.close)
        authorization_server = AuthorizationServer(
            settings=issuing,
            resources=resources,
            store=store,
            resource_owners=people.resource_owners,
            client_documents=documents,
            client_secrets=client_secrets,
            resource_servers=ResourceServers(store.clients, clock),
            registering=BoundedQueue("a registration", at_once=1, most=64),
            dpop_nonces=nonces,
            flow_recorder=flows,
            issuer_keys=trusted_issuers.keys_of(issuing.trusted_issuers, network, clock),
            known_clients=known,
            key_ring=key_ring,
            pages=Pages(),
            revoker=people.revoker,
            confirms=verifiers.confirm,
            clock=clock,
            entropy=entropy,
        )
        probe = StatusProbe(store.upkeep, key_ring, people.supabase, clock)
        user_server = create_user_server(settings.name, probe)
        admin_server = create_admin_server(settings.name, probe, people.users, key_ring)
        add_tools(user_server, admin_server)

        by_path = {resource.path: resource for resource in resources.served}
        mcp: list[BaseRoute] = []
        for path, server in ((USER_PATH, user_server), (ADMIN_PATH, admin_server)):
            await index_tools(server)
            app = http_app(server, path)
            await stack.enter_async_context(app.lifespan(app))
            verify = verifiers.of(by_path[path].identifier).verify
            authenticator = Authenticator(by_path[path], verify, possession, notes.turned_away)
            mcp += mcp_routes(path, McpGuard(PostOnly(app, path), authenticator))

        api_resource = by_path[API_PATH]
        api_verifier = verifiers.of(api_resource.identifier)
        authentication = RestAuthentication(
            Authenticator(api_resource, api_verifier.verify, possession, notes.turned_away),
            api_verifier.watch,
            people.users,
            KnownIds(people.users),
            Filling(people.introspection, people.users, clock),
            StreamTickets(database, clock, entropy),
            intervals.open_streams,
            settings.service_keys,
        )
        routers = [
            users_router(people.deletion),
            auth_router(_auth_config(settings), authentication, people.deletion, clock),
        ]
        if settings.identifier_status:
            routers.append(identifier_status_router(people.users, store.attempts, settings.default_phone_region, clock))
        api = create_api(settings.name, authentication, routers)
        add_routes(api)
        yield [
            *mcp,
            *authorization_server_routes(authorization_server),
            *health.health_routes(probe),
            *webhook_routes(settings.webhook_keys, people.liveness, people.access_end, clock),
            Mount(API_PATH, api),
        ]


def _auth_config(settings: GatewaySettings) -> AuthConfig:
    return AuthConfig(
        google_web_client_id=settings.google_web_client_id,
        google_ios_client_id=settings.google_ios_client_id,
        google_android_client_id=settings.google_android_client_id,
    )


def _edge_settings(settings: GatewaySettings, resources: Resources) -> EdgeSettings:
    public = urlsplit(settings.public_url)
    return EdgeSettings(
        public_url=settings.public_url,
        # RFC 9110 §4.2.1: the implied port may be written out.
        hosts=frozenset(
            host.lower().encode()
            for host in (public.netloc, f"{public.netloc}:{_PORTS[public.scheme]}", *settings.allowed_hosts)
        ),
        origins=frozenset(origin.encode() for origin in (settings.public_url, *settings.allowed_origins)),
        loopback_origins=is_loopback(public.hostname or ""),
        routes=_route_table(settings, resources),
        hops=settings.trusted_proxy_hops,
    )


def _route_table(settings: GatewaySettings, resources: Resources) -> RouteTable:
    """Every path of the application."""
    post = frozenset({"POST"})
    return RouteTable(
        [
            *authorization_server_entries(resources, registration=settings.dynamic_registration),
            *(
                RouteEntry(path, post, cors=Cors.ALLOWED_ORIGINS_ONLY, step=Step.CALLED)
                for endpoint in (USER_PATH, ADMIN_PATH)
                for path in (endpoint, f"{endpoint}/")
            ),
            RouteEntry(f"{API_PATH}/", post, cors=Cors.ALLOWED_ORIGINS, step=Step.CALLED, is_prefix=True),
            *(RouteEntry(path, frozenset({"GET"}), is_checked=False) for path in health.PATHS),
        ]
    )
