"""Reads request bodies up to a maximum length."""

from starlette.requests import Request

from oauth.protocol import parameters
from oauth.protocol.errors import OAuthError
from oauth.protocol.parameters import Parameters

MAX_BODY = 64 * 1024  # bytes


class BodyTooLarge(Exception):
    """The body is longer than allowed; the rest of it was not read. The routes answer 413."""


async def read_body(request: Request, max_bytes: int = MAX_BODY) -> bytes:
    """The whole body. Raises BodyTooLarge as soon as Content-Length or what has arrived is over max_bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise BodyTooLarge
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise BodyTooLarge
    return body


async def read_form(request: Request) -> Parameters | OAuthError:
    """The form parameters in the body. Raises BodyTooLarge."""
    return parameters.parse_form(request.headers.get("content-type", ""), await read_body(request))
