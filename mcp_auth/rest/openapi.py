"""Dependencies that OpenAPI lists as security schemes."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from fastapi.openapi.models import APIKey
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.openapi.models import SecurityBase as SecurityModel
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from mcp_auth.service_keys import HEADER

T = TypeVar("T")


class Documented(SecurityBase, Generic[T]):
    """A function of the request, for `Depends` and for a plain `await`.

    It is itself the security scheme instead of depending on one, which halves what FastAPI resolves per request."""

    def __init__(self, dependency: Callable[[Request], Awaitable[T]], scheme_name: str, model: SecurityModel) -> None:
        self.__doc__ = dependency.__doc__  # without __wrapped__, which FastAPI would follow
        self._dependency = dependency
        self.scheme_name = scheme_name
        self.model = model

    async def __call__(self, request: Request) -> T:
        """Call the function."""
        return await self._dependency(request)


def with_bearer_token(dependency: Callable[[Request], Awaitable[T]]) -> Documented[T]:
    """Document that the caller has to send an access token."""
    model = HTTPBearerModel(bearerFormat="JWT", description="An access token from Supabase Auth or from this server.")
    return Documented(dependency, "HTTPBearer", model)


def with_api_key(dependency: Callable[[Request], Awaitable[T]]) -> Documented[T]:
    """Document that the caller has to send the API key of a service."""
    model = APIKey.model_validate({"in": "header", "name": HEADER, "description": "The API key of a service."})
    return Documented(dependency, "APIKeyHeader", model)
