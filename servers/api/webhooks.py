"""POST /api/v1/webhooks/supabase: the project tells that somebody was banned, deleted or signed out (D-14)."""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_auth.supabase import webhook
from mcp_auth.supabase.account_states import State
from mcp_auth.supabase.liveness import AccessEnd, Liveness
from mcp_auth.supabase.webhook import Event, EventType, Unacceptable
from oauth.endpoints.shared.body import BodyTooLarge, read_body
from oauth.foundation.clock import Clock
from oauth.foundation.outages import RETRY_AFTER_SECONDS, Outage

log = structlog.get_logger()

PATH = "/api/v1/webhooks/supabase"
_MAX_BODY = 16 * 1024


def webhook_routes(keys: tuple[bytes, ...], liveness: Liveness, access_end: AccessEnd, clock: Clock) -> list[Route]:
    """keys: any of them may have signed, for rotation; with none there is no webhook."""

    async def receive(request: Request) -> Response:
        try:
            body = await read_body(request, _MAX_BODY)
        except BodyTooLarge:
            return _refused(Unacceptable(413, "webhook_oversized"))
        event = webhook.read(request.headers, body, keys, clock())
        if isinstance(event, Unacceptable):
            return _refused(event)
        try:
            await _carry_out(event, liveness, access_end, clock)
        except Outage as outage:
            # The sender tries again, and it will be true then as well.
            log.warning("outage", path=PATH, kind=type(outage).__name__, cause=str(outage))
            return JSONResponse(
                {"error": {"code": "AUTH_DB_UNAVAILABLE", "message": "Not possible right now. Send it again."}},
                503,
                {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"},
            )
        log.info("webhook_received", type=event.type, subject=event.subject)
        return Response(status_code=204)

    return [Route(PATH, receive, methods=["POST"])] if keys else []


async def _carry_out(event: Event, liveness: Liveness, access_end: AccessEnd, clock: Clock) -> None:
    match event.type:
        case EventType.SIGNED_OUT:
            await access_end.end_everything(event.subject, "supabase_signed_out")
        case EventType.DELETED:
            await liveness.record_state(event.subject, State.DELETED)
        case EventType.CHANGED:
            banned = event.banned_until is not None and event.banned_until > clock()
            await liveness.record_state(event.subject, State.BANNED if banned else State.ACTIVE)


def _refused(problem: Unacceptable) -> Response:
    log.info("webhook_refused", reason=problem.reason)
    body = {"error": {"code": problem.reason.upper(), "message": "The message is not signed by this project."}}
    return JSONResponse(body, problem.status, {"Cache-Control": "no-store"})
