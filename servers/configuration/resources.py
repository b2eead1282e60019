"""The three resources (D-4), in the words that people read on the consent page."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from oauth.foundation.vocabulary import Role, Scope
from oauth.protocol.resources import Resource, Resources, SecondFactorDemand, SupabaseTokens

USER_PATH = "/mcp"
ADMIN_PATH = "/mcp-admin"
API_PATH = "/api"


PATHS = (USER_PATH, ADMIN_PATH, API_PATH)


def create_resources(
    public_url: str,
    service_name: str,
    second_factor_required: Collection[str] = frozenset(),
    elsewhere: Sequence[Resource] = (),
) -> Resources:
    """User MCP server, admin MCP server, REST API, and those elsewhere; the first is the default.

    second_factor_required: paths of those that demand a second factor of everybody."""
    user = Resource(
        public_url,
        USER_PATH,
        service_name,
        scopes={
            Scope("mcp:read"): "See your data and use tools that only read",
            Scope("mcp:write"): "Change your data with tools that write",
        },
        baseline=frozenset({Scope("mcp:read")}),
        supabase_tokens=SupabaseTokens.AUDIENCE,
    )
    admin = Resource(
        public_url,
        ADMIN_PATH,
        f"{service_name} administration",
        scopes={Scope("mcp:admin"): "Use the administration tools in your name"},
        baseline=frozenset({Scope("mcp:admin")}),
        roles=frozenset({Role.AGENT, Role.ADMIN}),
        second_factor=SecondFactorDemand.ENROLLED,
    )
    api = Resource(
        public_url,
        API_PATH,
        f"{service_name} API",
        scopes={Scope("api"): "Use the API in your name"},
        baseline=frozenset({Scope("api")}),
        supabase_tokens=SupabaseTokens.SESSION,
    )
    return Resources(
        tuple(
            replace(resource, second_factor=SecondFactorDemand.EVERYBODY)
            if resource.path in second_factor_required
            else resource
            for resource in (user, admin, api)
        )
        + tuple(elsewhere)
    )
