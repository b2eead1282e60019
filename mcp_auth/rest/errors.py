"""Error answers of the REST API: always `{"error": {"code", "message", "details"?}}`.

The status and code alone tell a client whether to sign in again (401), give up (403) or wait (503)."""

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
    """An error answer.

    status: the HTTP status.
    code: in capitals, for programs.
    message: a sentence, for people.
    headers: added to the answer.
    details: JSON; sent to the client, so never a secret."""

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
    """→ 503 with Retry-After, and a code that tells the database from Supabase (D-16)."""
    code = "AUTH_DB_UNAVAILABLE" if isinstance(outage, StoreUnavailable) else "AUTH_PROVIDER_UNREACHABLE"
    return ApiError(503, code, UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def api_error_response(_: Request, error: Exception) -> JSONResponse:
    """The handler for ApiError, Outage, RequestValidationError and HTTPException."""
    match error:
        case ApiError():
            api_error = error
        case Outage():
            api_error = outage_error(error)
        case RequestValidationError():
            api_error = _validation_error(error)
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
    """The handler for every other exception. Starlette raises it again, so that the server logs it."""
    request_id = context_of(request.scope).request_id
    message = "Something went wrong here."
    if request_id:
        message += f" Tell the people who run this service the request id {request_id}."
    return await api_error_response(request, ApiError(500, "INTERNAL_SERVER_ERROR", message))


def install(app: Starlette, authentication: RestAuthentication) -> None:
    """Give an application what its dependencies need, and the error handlers."""
    app.state.rest_authentication = authentication
    app.add_exception_handler(Exception, unexpected_error_response)
    for kind in (ApiError, Outage, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, api_error_response)


def _validation_error(error: RequestValidationError) -> ApiError:
    # The field and the problem, without the value that was sent, which could be a secret.
    details = [
        {"field": ".".join(str(part) for part in each["loc"]), "problem": each["msg"]} for each in error.errors()
    ]
    return ApiError(_UNPROCESSABLE, "VALIDATION_FAILED", "The request is not what this route takes.", details=details)
