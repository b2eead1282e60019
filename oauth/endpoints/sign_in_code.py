"""/signin/code: a code by email or phone, and the link that comes with a mail."""

from starlette.requests import Request
from starlette.responses import Response

from oauth import parameters, pkce
from oauth.authorization_server import AuthorizationServer
from oauth.endpoints import pending as pending_request
from oauth.endpoints import sign_in_progress as progress
from oauth.endpoints import throttle
from oauth.endpoints.browser import remember_return
from oauth.endpoints.pending import Pending
from oauth.endpoints.responses import message_page, page, redirect
from oauth.endpoints.sign_in import (
    PROBLEMS,
    UNAVAILABLE,
    captcha_token,
    form,
    go_on,
    malformed,
    missing_identifier,
    note_refusal,
    posted,
    refused,
    status_of,
    throttled,
)
from oauth.endpoints.sign_in_progress import CodeSent
from oauth.endpoints.sign_in_return import back_to
from oauth.errors import OAuthError
from oauth.outages import RETRY_AFTER_SECONDS, ProviderUnavailable
from oauth.resource_owners import Channel, SignInRefusal

# A code has six digits: five guesses in a window leave a guesser one chance in 200,000.
_GUESSES = 5
_CODES = 5
_MAX_CODE = 12
_SERVICE_UNAVAILABLE = 503
_TOO_MANY = 429


async def send_code(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/code with request, csrf, email (or a phone number)."""
    found = await posted(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    typed = params.get("email", "").strip()
    problem = missing_identifier(params)
    if problem is not None:
        return await form(pending, server, problem=problem, status=400)
    recipient = server.resource_owners.recipient(typed)
    if recipient is None:
        return await refused(SignInRefusal.NOT_AN_IDENTIFIER, pending, server, email=typed)
    methods = await server.resource_owners.methods()
    if not (methods.email if recipient.channel is Channel.EMAIL else methods.phone):
        return await refused(SignInRefusal.METHOD_DISABLED, pending, server, email=typed)
    wait = await throttle.count("send", recipient.address, request, server, most=_CODES)
    if wait is not None:
        return await throttled(wait, pending, server, email=typed)
    verifier = pkce.new_code_verifier(server.entropy)
    try:
        refusal = await server.resource_owners.send_code(
            recipient, back_to(server, verifier), captcha_token(params, server)
        )
    except ProviderUnavailable:
        note_refusal("provider_unavailable", pending, server)
        return await form(pending, server, email=typed, problem=UNAVAILABLE, status=_SERVICE_UNAVAILABLE)
    if refusal is not None:
        return await refused(refusal, pending, server, email=typed)
    await progress.keep(CodeSent(recipient, verifier), pending, server)
    response = redirect(f"/signin/code?request={pending.handle}")
    remember_return(response, pending.handle, server)
    return response


async def show_code(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin/code?request="""
    params = parameters.parse_encoded(request.scope["query_string"])
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed(params))
    pending = await pending_request.find_open(params, request, server)
    if isinstance(pending, Response):
        return pending
    sent = progress.of(pending)
    if not isinstance(sent, CodeSent):
        return redirect(f"/signin?request={pending.handle}")
    return _page(sent, pending, server)


async def check_code(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/verify with request, csrf, code."""
    found = await posted(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    sent = progress.of(pending)
    if not isinstance(sent, CodeSent):
        return progress.lapsed(pending, request, server)
    code = clean_code(params.get("code"))
    if code is None:
        return _page(sent, pending, server, problem="Enter the code.", status=400)
    address = sent.recipient.address
    wait = await throttle.count("code", address, request, server, most=_GUESSES)
    if wait is not None:
        note_refusal("attempts_exceeded", pending, server)
        return _page(sent, pending, server, problem=wait.sentence, status=_TOO_MANY, retry_after_seconds=wait.seconds)
    try:
        outcome = await server.resource_owners.sign_in_with_code(sent.recipient, code)
    except ProviderUnavailable:
        note_refusal("provider_unavailable", pending, server)
        return _page(sent, pending, server, problem=UNAVAILABLE, status=_SERVICE_UNAVAILABLE)
    if isinstance(outcome, SignInRefusal):
        note_refusal(outcome, pending, server)
        return _page(sent, pending, server, problem=PROBLEMS[outcome], status=status_of(outcome))
    await throttle.forget("code", address, server)
    return await go_on(outcome, pending, request, server)


def clean_code(typed: str | None) -> str | None:
    """The code as it is printed, without the spaces that people and keyboards add; None when it cannot be one."""
    code = "".join((typed or "").split())
    return code if 0 < len(code) <= _MAX_CODE and code.isascii() and code.isalnum() else None


def _page(
    sent: CodeSent,
    pending: Pending,
    server: AuthorizationServer,
    *,
    problem: str = "",
    status: int = 200,
    retry_after_seconds: int = RETRY_AFTER_SECONDS,
) -> Response:
    headers = {"Retry-After": str(retry_after_seconds)} if status in {_SERVICE_UNAVAILABLE, _TOO_MANY} else {}
    return page(
        server,
        "sign_in_code.html",
        status=status,
        headers=headers,
        handle=pending.handle,
        csrf=pending.form_token,
        address=sent.recipient.address,
        by_email=sent.recipient.channel is Channel.EMAIL,
        problem=problem,
    )
