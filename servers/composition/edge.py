"""Builds the settings and the route table of the edge."""

from urllib.parse import urlsplit

from oauth.foundation.vocabulary import Step
from oauth.protocol.resources import Resources
from oauth.protocol.route_table import Cors, RouteEntry, RouteTable, authorization_server_entries
from servers.configuration.origin import is_loopback
from servers.configuration.resources import ADMIN_PATH, API_PATH, USER_PATH
from servers.configuration.settings import GatewaySettings
from servers.edge import health
from servers.edge.edge import EdgeSettings

_PORTS = {"http": 80, "https": 443}


def edge_settings(settings: GatewaySettings, resources: Resources) -> EdgeSettings:
    """The settings that apply to every request."""
    public = urlsplit(settings.public_url)
    return EdgeSettings(
        public_url=settings.public_url,
        # RFC 9110 §4.2.1: a client may send the default port.
        hosts=frozenset(
            host.lower().encode()
            for host in (public.netloc, f"{public.netloc}:{_PORTS[public.scheme]}", *settings.allowed_hosts)
        ),
        origins=frozenset(origin.encode() for origin in (settings.public_url, *settings.allowed_origins)),
        loopback_origins=is_loopback(public.hostname or ""),
        routes=route_table(settings, resources),
        hops=settings.trusted_proxy_hops,
    )


def route_table(settings: GatewaySettings, resources: Resources) -> RouteTable:
    """All paths of the application."""
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
