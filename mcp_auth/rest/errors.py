"""Answers other than success: `{"error": {"code", "message", "details"?}}`, whatever went wrong.

A client decides by status and code alone whether to sign in again (401), to give up (403) or to wait (503)."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from mcp_auth.rest.context import RestAuthentication
from oauth.foundation.outages import RETRY_AFTER_SECONDS, Outage, StoreUnavailable
from oauth.foundation.request_context import context_of

_UNPROCESSABLE = 422
UNAVAILABLE = "The request cannot be authenticated right now. Repeat it in a few seconds."


class ApiError(Exception):
    """An answer other than success. details: JSON; nothing that a client must not see."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        details: object | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details


def outage_error(outage: Outage) -> ApiError:
    """Trouble that is nobody's fault (D-16, SEED-7)."""
    code = "AUTH_DB_UNAVAILABLE" if isinstance(outage, StoreUnavailable) else "AUTH_PROVIDER_UNREACHABLE"
    return ApiError(503, code, UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def api_error_response(_: Request, error: Exception) -> JSONResponse:
    """The handler for ApiError, and for what frameworks and outages raise in a route."""
    match error:
        case ApiError():
            api_error = error
        case Outage():
            api_error = outage_error(error)
        case RequestValidationError():
            api_error = _of_validation(error)
        case HTTPException():
            phrase = HTTPStatus(error.status_code).phrase
            code = phrase.upper().replace(" ", "_").replace("-", "_")
            api_error = ApiError(error.status_code, code, str(error.detail), error.headers)
        case _:
            raise error
    body: dict[str, object] = {"code": api_error.code, "message": api_error.message}
    if api_error.details is not None:
        body["details"] = api_error.details
    return JSONResponse({"error": body}, api_error.status, {"Cache-Control": "no-store", **api_error.headers})


async def unexpected_error_response(request: Request, _: Exception) -> JSONResponse:
    """The handler for what nobody foresaw. Starlette raises the error again, so that it is logged where all are."""
    request_id = context_of(request.scope).request_id
    told = "Something went wrong here."
    if request_id:
        told += f" Tell the people who run this service the request id {request_id}."
    return await api_error_response(request, ApiError(500, "INTERNAL_SERVER_ERROR", told))


def install(app: Starlette, authentication: RestAuthentication) -> None:
    """Make the dependencies work in an application, and give its errors the envelope."""
    app.state.rest_authentication = authentication
    app.add_exception_handler(Exception, unexpected_error_response)
    for kind in (ApiError, Outage, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, api_error_response)


def _of_validation(error: RequestValidationError) -> ApiError:
    # Where and what, and not what was sent: that could be a secret.
    details = [
        {"field": ".".join(str(part) for part in each["loc"]), "problem": each["msg"]} for each in error.errors()
    ]
    return ApiError(_UNPROCESSABLE, "VALIDATION_FAILED", "The request is not what this route takes.", details=details)
