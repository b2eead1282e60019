"""The REST API as a FastAPI application, mounted at /api."""

from fastapi import FastAPI

from mcp_auth.rest import ApiError, RestAuthentication, api_error_response
from oauth.outages import Outage
from servers.api import users
from servers.version import VERSION


def create_api(service_name: str, authentication: RestAuthentication) -> FastAPI:
    """The API; every error has the envelope `{"error": {"code", "message"}}`."""
    api = FastAPI(title=f"{service_name} API", version=VERSION, docs_url=None, redoc_url=None)
    api.state.rest_authentication = authentication
    api.add_exception_handler(ApiError, api_error_response)
    api.add_exception_handler(Outage, api_error_response)
    api.include_router(users.router)
    return api
