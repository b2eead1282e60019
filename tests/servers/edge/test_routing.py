"""What becomes of a request that no route serves."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from servers.edge.routing import exception_handlers


async def broken(request: Request) -> Response:
    raise RuntimeError(request.path_params["id"])


# F-20: the outermost layer answers, in the form that its clients know.
async def test_error_is_left_to_the_outermost_layer_to_answer() -> None:
    application = Starlette(
        routes=[Route("/things/{id}", broken)], exception_handlers=exception_handlers("https://auth.test")
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401
        sent.append(message)

    async def receive() -> Any:  # noqa: ANN401
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/things/1", "root_path": "", "query_string": b"", "headers": []}
    with pytest.raises(RuntimeError):
        await application(scope, receive, send)
    assert sent == []
