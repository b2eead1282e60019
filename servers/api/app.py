"""The REST API as a FastAPI application, mounted at /api."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, FastAPI

from mcp_auth.rest import RestAuthentication, install
from servers.observability.version import VERSION

# An operator's own routes: a function that is given the API.
AddRoutes = Callable[[FastAPI], None]


def create_api(service_name: str, authentication: RestAuthentication, routers: Sequence[APIRouter]) -> FastAPI:
    """The API; every error has the envelope `{"error": {"code", "message"}}`."""
    # A redirect for the sake of a slash would lead to whatever Host says (D-1).
    api = FastAPI(title=f"{service_name} API", version=VERSION, docs_url=None, redoc_url=None, redirect_slashes=False)
    install(api, authentication)
    for router in routers:
        api.include_router(router)
    return api
