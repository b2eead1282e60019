"""Builds the REST API of a node."""

from starlette.routing import Mount

from mcp_auth.rest import RestAuthentication
from mcp_auth.rest.tickets import StreamTickets
from mcp_auth.supabase.identifier_sync import IdentifierSync
from mcp_auth.users.id_cache import UserIdCache
from servers.api.app import AddRoutes, create_api
from servers.api.auth import AuthConfig, auth_router
from servers.api.identifier_status import identifier_status_router
from servers.api.users import users_router
from servers.composition.node import Node
from servers.configuration.resources import API_PATH
from servers.configuration.settings import GatewaySettings


def mount_api(node: Node, add_routes: AddRoutes) -> Mount:
    """The API, with the routes of the program and those that the operator adds."""
    settings, people, clock = node.settings, node.people, node.surroundings.clock
    authentication = _build_authentication(node)
    routers = [
        users_router(people.deletion),
        auth_router(_auth_config(settings), authentication, people.deletion, clock),
    ]
    if settings.identifier_status:
        region = settings.default_phone_region
        routers.append(identifier_status_router(people.users, node.store.attempts, region, clock))
    api = create_api(settings.name, authentication, routers)
    add_routes(api)
    return Mount(API_PATH, api)


def _build_authentication(node: Node) -> RestAuthentication:
    people, surroundings = node.people, node.surroundings
    return RestAuthentication(
        node.authenticator(API_PATH),
        node.verifiers.for_resource(node.resource(API_PATH).identifier).watch,
        people.users,
        UserIdCache(people.users),
        IdentifierSync(people.introspection, people.users, surroundings.clock),
        StreamTickets(node.database, surroundings.clock, surroundings.entropy),
        surroundings.intervals.open_streams,
        node.settings.service_keys,
    )


def _auth_config(settings: GatewaySettings) -> AuthConfig:
    return AuthConfig(
        google_web_client_id=settings.google_web_client_id,
        google_ios_client_id=settings.google_ios_client_id,
        google_android_client_id=settings.google_android_client_id,
    )
