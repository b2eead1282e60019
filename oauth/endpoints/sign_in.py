"""/signin and /signout: the person proves to Supabase who they are (D-11)."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth import parameters
from oauth.authorization_server import AuthorizationServer
from oauth.endpoints import pending as pending_request
from oauth.endpoints.body import read_form
from oauth.endpoints.browser import begin_session, current_session, end_session
from oauth.endpoints.pending import Pending
from oauth.endpoints.responses import message_page, page, redirect
from oauth.errors import OAuthError
from oauth.outages import RETRY_AFTER_SECONDS, ProviderUnavailable
from oauth.pages import Message
from oauth.parameters import Parameters
from oauth.resource_owners import SignInRefusal

log = structlog.get_logger()

_SERVICE_UNAVAILABLE = 503
_MAX_EMAIL = 320  # RFC 5321: 64 + @ + 255
_MAX_PASSWORD = 1024

_PROBLEMS = {
    SignInRefusal.WRONG_CREDENTIALS: "Email or password is wrong.",
    SignInRefusal.EMAIL_NOT_CONFIRMED: "This email address is not confirmed yet. Follow the link in the mail first.",
    SignInRefusal.ACCOUNT_BLOCKED: "This account cannot sign in. Ask the people who run this service.",
    SignInRefusal.METHOD_DISABLED: "Signing in with email and password is switched off here.",
    SignInRefusal.TOO_MANY_ATTEMPTS: "Too many attempts. Wait a minute, then try again.",
}


async def show_sign_in(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin?request="""
    params = parameters.parse_encoded(request.scope["query_string"])
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed(params))
    pending = await pending_request.find_open(params, request, server)
    if isinstance(pending, Response):
        return pending
    if await current_session(request, server) is not None:
        return redirect(f"/consent?request={pending.handle}")
    return _form(pending, server)


async def sign_in(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin with request, csrf, email, password."""
    params = await read_form(request)
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed(params))
    pending = await pending_request.find_open(params, request, server)
    if isinstance(pending, Response):
        return pending
    forged = pending_request.check_form(params, pending, request, server)
    if forged is not None:
        return forged
    email, password = params.get("email", "").strip(), params.get("password", "")
    problem = _missing(params)
    if problem is not None:
        return _form(pending, server, email=email, problem=problem, status=400)
    try:
        owner = await server.resource_owners.sign_in_with_password(email, password)
    except ProviderUnavailable:
        log.warning("sign_in_unavailable", client_id=pending.client.client_id)
        return _form(pending, server, email=email, problem=_UNAVAILABLE, status=_SERVICE_UNAVAILABLE)
    if isinstance(owner, SignInRefusal):
        log.info("sign_in_refused", reason=owner, client_id=pending.client.client_id)
        status = 429 if owner is SignInRefusal.TOO_MANY_ATTEMPTS else 400
        return _form(pending, server, email=email, problem=_PROBLEMS[owner], status=status)
    response = redirect(f"/consent?request={pending.handle}")
    await begin_session(request, response, owner, server)
    log.info("signed_in", subject=owner.subject, client_id=pending.client.client_id)
    return response


async def sign_out(request: Request, server: AuthorizationServer) -> Response:
    """POST /signout with request, csrf: "not you?" leads back to the sign-in page of the same request."""
    params = await read_form(request)
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed(params))
    pending = await pending_request.find(params, request, server)
    if isinstance(pending, Response):
        return pending
    forged = pending_request.check_form(params, pending, request, server)
    if forged is not None:
        return forged
    response = redirect(f"/signin?request={pending.handle}")
    await end_session(request, response, server)
    return response


def malformed(error: OAuthError) -> Message:
    """For a query or form that no page of ours sends."""
    return Message(
        "The page sent something unreadable",
        error.description,
        "Go back, reload the page and try again.",
        reason=error.reason,
    )


_UNAVAILABLE = "Signing in is not possible right now. Nothing is lost: try again in a few seconds."


def _missing(params: Parameters) -> str | None:
    email, password = params.get("email", "").strip(), params.get("password", "")
    if not email:
        return "Enter your email address."
    if "@" not in email or len(email) > _MAX_EMAIL:
        return "This is not an email address."
    if not password:
        return "Enter your password."
    if len(password) > _MAX_PASSWORD:
        return "This password is too long."
    return None


def _form(
    pending: Pending, server: AuthorizationServer, *, email: str = "", problem: str = "", status: int = 200
) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == _SERVICE_UNAVAILABLE else {}
    return page(
        server,
        "sign_in.html",
        status=status,
        headers=headers,
        handle=pending.handle,
        csrf=pending.form_token,
        client=pending.client_name,
        resource=pending.resource.name,
        email=email,
        problem=problem,
    )
