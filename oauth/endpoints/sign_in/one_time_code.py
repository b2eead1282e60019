"""/signin/code: a code by email or phone, and the link that comes with a mail."""

from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import pending_request, throttle
from oauth.endpoints.shared.browser import remember_return
from oauth.endpoints.shared.pending_request import Pending, posted
from oauth.endpoints.shared.responses import redirect
from oauth.endpoints.sign_in import progress
from oauth.endpoints.sign_in.password import captcha_token, form, go_on, missing_identifier
from oauth.endpoints.sign_in.problems import TYPED_CODE_MALFORMED, UNAVAILABLE, Problem, of_refusal, of_wait, step_page
from oauth.endpoints.sign_in.progress import CodeSent
from oauth.endpoints.sign_in.provider import back_to
from oauth.foundation.outages import ProviderUnavailable
from oauth.protocol import pkce
from oauth.protocol.resource_owners import Channel, SignInRefusal

# A code has six digits: five guesses in a window leave a guesser one chance in 200,000.
_GUESSES = 5
_CODES = 5
_MAX_CODE = 12


async def send_code(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/code with request, csrf, email (or a phone number)."""
    found = await posted(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    typed = params.get("email", "").strip()
    problem = missing_identifier(params)
    if problem is not None:
        return await form(pending, server, problem)
    recipient = server.resource_owners.recipient(typed)
    if recipient is None:
        return await form(pending, server, of_refusal(SignInRefusal.NOT_AN_IDENTIFIER), email=typed)
    methods = await server.resource_owners.methods()
    if not (methods.email if recipient.channel is Channel.EMAIL else methods.phone):
        return await form(pending, server, of_refusal(SignInRefusal.METHOD_DISABLED), email=typed)
    wait = await throttle.count("send", recipient.address, request, server, most=_CODES)
    if wait is not None:
        return await form(pending, server, of_wait(wait), email=typed)
    verifier = pkce.new_code_verifier(server.entropy)
    try:
        refusal = await server.resource_owners.send_code(
            recipient, back_to(server, verifier), captcha_token(params, server)
        )
    except ProviderUnavailable:
        return await form(pending, server, UNAVAILABLE, email=typed)
    if refusal is not None:
        return await form(pending, server, of_refusal(refusal), email=typed)
    await progress.keep(CodeSent(recipient, verifier), pending, server)
    response = redirect(f"/signin/code?request={pending.handle}")
    remember_return(response, pending.handle, server)
    return response


async def show_code(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin/code?request="""
    pending = await pending_request.opened(request, server)
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
        return _page(sent, pending, server, TYPED_CODE_MALFORMED)
    address = sent.recipient.address
    wait = await throttle.count("code", address, request, server, most=_GUESSES)
    if wait is not None:
        return _page(sent, pending, server, of_wait(wait))
    try:
        outcome = await server.resource_owners.sign_in_with_code(sent.recipient, code)
    except ProviderUnavailable:
        return _page(sent, pending, server, UNAVAILABLE)
    if isinstance(outcome, SignInRefusal):
        return _page(sent, pending, server, of_refusal(outcome))
    return await go_on(outcome, pending, request, server, attempts=[throttle.account_key("code", address)])


def clean_code(typed: str | None) -> str | None:
    """The code as it is printed, without the spaces that people and keyboards add; None when it cannot be one."""
    code = "".join((typed or "").split())
    return code if 0 < len(code) <= _MAX_CODE and code.isascii() and code.isalnum() else None


def _page(sent: CodeSent, pending: Pending, server: AuthorizationServer, problem: Problem | None = None) -> Response:
    return step_page(
        "sign_in_code.html",
        pending,
        server,
        problem,
        address=sent.recipient.address,
        by_email=sent.recipient.channel is Channel.EMAIL,
    )
