"""Builds the ASGI application from settings."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from oauth.flow_history.recorder import FlowRecorder
from oauth.foundation.clock import Clock, system_clock
from oauth.foundation.credentials import Entropy, derive
from oauth.remote.fetching import INTERNET, Network
from oauth.routes import routes as authorization_server_routes
from servers.api.app import AddRoutes
from servers.api.webhooks import webhook_routes
from servers.composition.api import mount_api
from servers.composition.authorization_server import open_authorization_server
from servers.composition.background import Intervals
from servers.composition.edge import edge_settings
from servers.composition.mcp import AddTools, open_mcp
from servers.composition.node import Surroundings, open_node
from servers.configuration.settings import GatewaySettings
from servers.edge import health
from servers.edge.edge import Edge
from servers.edge.rate_limit import RateLimiter
from servers.edge.routing import DirectRouter, exception_handlers
from servers.explain.recording import record_refused_request


def _no_tools(_user: FastMCP, _admin: FastMCP) -> None:
    pass


def _no_routes(_api: FastAPI) -> None:
    pass


def _do_nothing() -> None:
    pass


def create_app(
    settings: GatewaySettings,
    *,
    clock: Clock = system_clock,
    entropy: Entropy = os.urandom,
    add_tools: AddTools = _no_tools,
    add_routes: AddRoutes = _no_routes,
    when_started: Callable[[], None] = _do_nothing,
    network: Network = INTERNET,
    intervals: Intervals = Intervals(),  # noqa: B008 - frozen
) -> ASGIApp:
    """The gateway. Its database opens and closes in the ASGI lifespan.

    add_tools: adds an operator's own tools to the user and the admin server.
    add_routes: adds an operator's own routes to the REST API.
    when_started: called when all parts are open.
    network: fetches client documents and issuer keys.
    intervals: of the periodic tasks."""
    resources, surroundings = settings.all_resources, Surroundings(clock, entropy, network, intervals)
    flow_recorder = FlowRecorder(derive(settings.root_secrets[0], b"mcp-auth flow networks v1"), clock, entropy)
    limiter = RateLimiter(settings.requests_per_minute, clock) if settings.requests_per_minute else None

    @asynccontextmanager
    async def open_routes() -> AsyncIterator[list[BaseRoute]]:
        async with (
            open_node(settings, resources, surroundings, flow_recorder, limiter) as node,
            open_authorization_server(node) as authorization_server,
            open_mcp(node, add_tools) as mcp,
        ):
            yield [
                *mcp,
                *authorization_server_routes(authorization_server),
                *health.health_routes(node.probe),
                *webhook_routes(settings.webhook_keys, node.people.liveness, node.people.access_end, clock),
                mount_api(node, add_routes),
            ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_routes() as routes:
            app.router.routes[:] = routes
            direct.set_routes(routes)
            when_started()
            yield

    application = Starlette(lifespan=lifespan, exception_handlers=exception_handlers(settings.public_url))
    # For a path with an extra slash, Starlette would send a 307 to the Host and scheme of the request, and the client
    # would post its secret there.
    application.router.redirect_slashes = False
    direct = DirectRouter(application)
    return Edge(
        direct, edge_settings(settings, resources), entropy, limiter, partial(record_refused_request, flow_recorder)
    )
