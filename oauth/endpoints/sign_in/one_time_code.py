"""/signin/code and /signin/verify: a code by email or phone, and the link in the same email."""

from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import pending_request, throttle
from oauth.endpoints.shared.browser import remember_return
from oauth.endpoints.shared.pending_request import Pending, load_form_request
from oauth.endpoints.shared.responses import redirect
from oauth.endpoints.sign_in import progress
from oauth.endpoints.sign_in.password import captcha_token, check_identifier, complete_sign_in, render_sign_in_page
from oauth.endpoints.sign_in.problems import (
    TYPED_CODE_MALFORMED,
    UNAVAILABLE,
    Problem,
    refusal_problem,
    step_page,
    throttled_problem,
)
from oauth.endpoints.sign_in.progress import CodeSent
from oauth.endpoints.sign_in.provider import provider_return
from oauth.foundation.outages import ProviderUnavailable
from oauth.protocol import pkce
from oauth.protocol.resource_owners import Channel, SignInRefusal

# A code has six digits: five guesses in a window leave a guesser one chance in 200,000.
_MAX_GUESSES = 5
_MAX_CODES_SENT = 5
_MAX_CODE_LENGTH = 12


async def send_code(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/code with request, csrf, email (or a phone number)."""
    found = await load_form_request(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    typed = params.get("email", "").strip()
    problem = check_identifier(params)
    if problem is not None:
        return await render_sign_in_page(pending, server, problem)
    recipient = server.resource_owners.recipient(typed)
    if recipient is None:
        return await render_sign_in_page(pending, server, refusal_problem(SignInRefusal.NOT_AN_IDENTIFIER), email=typed)
    methods = await server.resource_owners.methods()
    if not (methods.email if recipient.channel is Channel.EMAIL else methods.phone):
        return await render_sign_in_page(pending, server, refusal_problem(SignInRefusal.METHOD_DISABLED), email=typed)
    wait = await throttle.count_attempt("send", recipient.address, request, server, max_per_account=_MAX_CODES_SENT)
    if wait is not None:
        return await render_sign_in_page(pending, server, throttled_problem(wait), email=typed)
    verifier = pkce.new_code_verifier(server.entropy)
    try:
        refusal = await server.resource_owners.send_code(
            recipient, provider_return(server, verifier), captcha_token(params, server)
        )
    except ProviderUnavailable:
        return await render_sign_in_page(pending, server, UNAVAILABLE, email=typed)
    if refusal is not None:
        return await render_sign_in_page(pending, server, refusal_problem(refusal), email=typed)
    await progress.save_progress(CodeSent(recipient, verifier), pending, server)
    response = redirect(f"/signin/code?request={pending.handle}")
    remember_return(response, pending.handle, server)
    return response


async def show_code(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin/code?request="""
    pending = await pending_request.load_page_request(request, server)
    if isinstance(pending, Response):
        return pending
    step = progress.load_progress(pending)
    if not isinstance(step, CodeSent):
        return redirect(f"/signin?request={pending.handle}")
    return _render_code_page(step, pending, server)


async def check_code(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/verify with request, csrf, code."""
    found = await load_form_request(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    step = progress.load_progress(pending)
    if not isinstance(step, CodeSent):
        return progress.lapsed_page(pending, request, server)
    code = clean_code(params.get("code"))
    if code is None:
        return _render_code_page(step, pending, server, TYPED_CODE_MALFORMED)
    address = step.recipient.address
    wait = await throttle.count_attempt("code", address, request, server, max_per_account=_MAX_GUESSES)
    if wait is not None:
        return _render_code_page(step, pending, server, throttled_problem(wait))
    try:
        outcome = await server.resource_owners.sign_in_with_code(step.recipient, code)
    except ProviderUnavailable:
        return _render_code_page(step, pending, server, UNAVAILABLE)
    if isinstance(outcome, SignInRefusal):
        return _render_code_page(step, pending, server, refusal_problem(outcome))
    return await complete_sign_in(outcome, pending, request, server, attempts=[throttle.account_key("code", address)])


def clean_code(typed: str | None) -> str | None:
    """The code without the spaces that people and keyboards add; None where it cannot be a code."""
    code = "".join((typed or "").split())
    return code if 0 < len(code) <= _MAX_CODE_LENGTH and code.isascii() and code.isalnum() else None


def _render_code_page(
    step: CodeSent, pending: Pending, server: AuthorizationServer, problem: Problem | None = None
) -> Response:
    return step_page(
        "sign_in_code.html",
        pending,
        server,
        problem,
        address=step.recipient.address,
        by_email=step.recipient.channel is Channel.EMAIL,
    )
