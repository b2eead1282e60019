"""Turns values into HTTP responses, with their status codes and headers."""

import json
from collections.abc import Mapping

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from oauth.authorization_server import AuthorizationServer
from oauth.foundation.outages import RETRY_AFTER_SECONDS
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import ErrorCode, Step
from oauth.pages import Message
from oauth.protocol.captcha import Captcha
from oauth.protocol.errors import OAuthError

log = structlog.get_logger()

_COMPACT = json.JSONEncoder(separators=(",", ":"))

NO_STORE = {"Cache-Control": "no-store"}

_PAGE_HEADERS = {
    **NO_STORE,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def json_response(body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that caches must not store, unless headers say otherwise (D-17)."""
    return Response(
        _COMPACT.encode(body),
        status,
        {**NO_STORE, **(headers or {})},
        media_type="application/json",
    )


def error_response(error: OAuthError, *, used_basic: bool = False, status: int = 400) -> Response:
    """An error of an endpoint for programs (RFC 6749 §5.2, D-15).

    used_basic: whether the client used the Authorization header.
    status: for errors that have no status of their own."""
    headers = {} if error.nonce is None else {"DPoP-Nonce": error.nonce}
    if error.code is ErrorCode.INVALID_CLIENT:
        status = 401
        # RFC 6749 §5.2: answer a client that used the Authorization header with the scheme that it used.
        headers = {"WWW-Authenticate": 'Basic realm="client"'} if used_basic else {}
    elif error.retry_after is not None:
        status, headers = 429, {"Retry-After": str(error.retry_after)}
    elif error.code is ErrorCode.TEMPORARILY_UNAVAILABLE:
        status, headers = 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return json_response({"error": error.code, "error_description": error.description}, status, headers)


def redirect(url: str) -> Response:
    """303 See Other: the browser follows with GET. A 307 would make it post credentials again."""
    return Response(status_code=303, headers={**NO_STORE, "Location": url, "Referrer-Policy": "no-referrer"})


def page(
    server: AuthorizationServer,
    template: str,
    *,
    status: int = 200,
    redirects: bool = False,
    captcha: Captcha | None = None,
    headers: Mapping[str, str] | None = None,
    flow_id: str = "",
    **values: object,
) -> Response:
    """An HTML page.

    redirects: whether its form ends in a redirect to another site; see Pages.policy.
    captcha: the captcha that it shows, if any.
    flow_id: shown at the foot of a refusal, so that the operator can look it up."""
    pages = server.pages
    return HTMLResponse(
        pages.render(template, captcha=captcha, flow_id=flow_id, **values),
        status,
        {
            **_PAGE_HEADERS,
            "Content-Security-Policy": pages.policy(redirects=redirects, captcha=captcha),
            **(headers or {}),
        },
    )


def message_page(
    request: Request,
    server: AuthorizationServer,
    message: Message,
    status: int = 400,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page that says what happened, what it means and what to do, with the ids of the log and `mcp-auth explain`.

    A message with a reason is a refusal, which is logged and recorded."""
    context = context_of(request.scope)
    if message.reason:
        step = context.step or Step.SIGNED_IN
        server.flow_recorder.record(context, step, reason=message.reason, description=message.meaning)
        if step is not Step.AUTHORIZATION_REQUESTED:  # /authorize logs its refusals itself, with more detail
            log.info("page_refused", reason=message.reason, path=request.url.path)
    return page(
        server,
        "message.html",
        status=status,
        headers=headers,
        title=message.title,
        meaning=message.meaning,
        remedy=message.remedy,
        reason=message.reason,
        link=message.link,
        link_text=message.link_text,
        request_id=context.request_id,
        flow_id=(context.flow_id or "") if message.reason else "",
    )
