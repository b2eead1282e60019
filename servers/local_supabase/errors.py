"""Supabase Auth's errors: a status, a code, a sentence, in one of two formats."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

API_VERSION = "2024-01-01"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a value: what was written before it was found stays written."""

    status: int
    code: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)


def validation_failed(message: str) -> Refusal:
    """A parameter is missing or of the wrong shape."""
    return Refusal(400, "validation_failed", message)


INVALID_CREDENTIALS = Refusal(400, "invalid_credentials", "Invalid login credentials")
USER_BANNED = Refusal(400, "user_banned", "User is banned")
USER_NOT_FOUND = Refusal(404, "user_not_found", "User not found")
SESSION_NOT_FOUND = Refusal(403, "session_not_found", "Session from session_id claim in JWT does not exist")
CAPTCHA_FAILED = Refusal(400, "captcha_failed", "captcha protection: request disallowed (no captcha_token found)")
BAD_JSON = Refusal(400, "bad_json", "Could not parse request body as JSON")


def error_response(refusal: Refusal, request: Request) -> JSONResponse:
    """Clients that name an API version get `code` and `message`; the others the older format."""
    headers = {"x-sb-error-code": refusal.code}
    version = request.headers.get("x-supabase-api-version", "")
    if _DATE.fullmatch(version) and version >= API_VERSION:
        headers["x-supabase-api-version"] = version
        body: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    else:
        body = {"code": refusal.status, "error_code": refusal.code, "msg": refusal.message}
    return JSONResponse({**body, **refusal.more}, refusal.status, headers)
