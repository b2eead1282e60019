"""Dependencies that OpenAPI shows as what they are: security schemes."""

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
    """A function of the request, for `Depends` and for a bare `await`.

    It is the scheme itself, instead of depending on one: FastAPI then has half as much to resolve in each request."""

    def __init__(self, answer: Callable[[Request], Awaitable[T]], scheme_name: str, model: SecurityModel) -> None:
        self.__doc__ = answer.__doc__  # and no __wrapped__, which FastAPI would follow
        self._answer = answer
        self.scheme_name = scheme_name
        self.model = model

    async def __call__(self, request: Request) -> T:
        """See the function."""
        return await self._answer(request)


def with_bearer_token(answer: Callable[[Request], Awaitable[T]]) -> Documented[T]:
    """The caller has to send an access token."""
    model = HTTPBearerModel(bearerFormat="JWT", description="An access token of Supabase Auth, or of ours.")
    return Documented(answer, "HTTPBearer", model)


def with_api_key(answer: Callable[[Request], Awaitable[T]]) -> Documented[T]:
    """The caller has to send a service's key."""
    model = APIKey.model_validate({"in": "header", "name": HEADER, "description": "The key of a service."})
    return Documented(answer, "APIKeyHeader", model)
