"""The floor of introspect: bare ASGI and a dictionary of tokens. It checks nothing. `… bare_introspect PORT`"""

import json
import sys
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

_KNOWN = {"known": {"active": True, "sub": "x" * 36, "aud": "y" * 25, "exp": 1, "iat": 1, "scope": "mcp:read"}}


async def _app(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - bare ASGI
    form = dict(parse_qsl((await receive())["body"].decode()))
    body = json.dumps(_KNOWN.get(form.get("token", ""), {"active": False})).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


uvicorn.run(_app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
