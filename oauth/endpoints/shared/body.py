"""Request bodies, read no further than they may be long."""

from starlette.requests import Request

from oauth.protocol import parameters
from oauth.protocol.errors import OAuthError
from oauth.protocol.parameters import Parameters

MAX_BODY = 64 * 1024  # bytes


class BodyTooLarge(Exception):
    """The rest was not read; the routes answer 413."""


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The whole body. BodyTooLarge as soon as it is known to be. most: bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise BodyTooLarge
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BodyTooLarge
    return body


async def read_form(request: Request) -> Parameters | OAuthError:
    """The body as parameters of a form."""
    return parameters.parse_form(request.headers.get("content-type", ""), await read_body(request))
