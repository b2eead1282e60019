"""/_local: what tests in other processes do to the stand-in. Everything wants the secret key."""

from starlette.responses import JSONResponse, Response

from servers.local_supabase.context import Call
from servers.local_supabase.errors import Refusal, validation_failed
from servers.local_supabase.persistent_keys import add_signing_key
from servers.local_supabase.signing import ES256

_STATUSES = range(200, 600)


async def read_faults(call: Call) -> Response | Refusal:
    """GET /_local/faults"""
    return JSONResponse(call.context.faults.planted())


async def plant_fault(call: Call) -> Response | Refusal:
    """PUT /_local/faults with fault, paths?, seconds?, status?"""
    body = call.body
    paths = body.get("paths", [""])
    seconds, status = body.get("seconds", 2.0), body.get("status", 200)
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        return validation_failed("paths must be an array of strings")
    if not isinstance(seconds, int | float) or not isinstance(status, int):
        return validation_failed("seconds and status must be numbers")
    if seconds < 0 or status not in _STATUSES:
        return validation_failed("seconds must not be negative, status must be one of an answer")
    try:
        call.context.faults.set(str(body.get("fault")), paths=paths, seconds=seconds, status=status)
    except ValueError:
        return validation_failed("fault must be down, slow, 500, 429 or html")
    return JSONResponse(call.context.faults.planted())


async def clear_faults(call: Call) -> Response | Refusal:
    """DELETE /_local/faults"""
    call.context.faults.clear()
    return Response(status_code=204)


async def rotate_keys(call: Call) -> Response | Refusal:
    """POST /_local/rotate-keys with algorithm?, revoke_others?"""
    algorithm, revoke_others = call.body.get("algorithm", ES256), call.body.get("revoke_others", False)
    try:
        await add_signing_key(call.context, str(algorithm), revoke_others=revoke_others is True)
    except ValueError:
        return validation_failed("algorithm must be ES256, RS256 or HS256")
    return JSONResponse(call.context.keys.public())


async def read_messages(call: Call) -> Response | Refusal:
    """GET /_local/messages"""
    return JSONResponse(call.context.messages)


async def read_requests(call: Call) -> Response | Refusal:
    """GET /_local/requests"""
    return JSONResponse(dict(call.context.requests))
