"""/signin and /signout: the user signs in with a password, which Supabase checks (D-11)."""

from collections.abc import Sequence

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import pending_request, throttle
from oauth.endpoints.shared.browser import begin_session, current_session, end_session
from oauth.endpoints.shared.pending_request import Pending, load_form_request
from oauth.endpoints.shared.responses import redirect
from oauth.endpoints.sign_in import progress
from oauth.endpoints.sign_in.problems import (
    IDENTIFIER_MISSING,
    PASSWORD_MISSING,
    PASSWORD_OVERSIZED,
    UNAVAILABLE,
    Problem,
    refusal_problem,
    step_page,
    throttled_problem,
)
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import Digest, Step
from oauth.protocol.parameters import Parameters
from oauth.protocol.resource_owners import FirstFactor, ResourceOwner, SignInRefusal

log = structlog.get_logger()

_MAX_PASSWORD = 1024


async def show_sign_in(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin?request="""
    pending = await pending_request.load_page_request(request, server)
    if isinstance(pending, Response):
        return pending
    if await current_session(request, server) is not None:
        return redirect(f"/consent?request={pending.handle}")
    return await render_sign_in_page(pending, server)


async def sign_in(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin with request, csrf, email (or a phone number), password."""
    found = await load_form_request(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    typed, password = params.get("email", "").strip(), params.get("password", "")
    recipient = server.resource_owners.recipient(typed)
    problem = check_identifier(params) or _check_password(password)
    if problem is None and recipient is None:
        problem = refusal_problem(SignInRefusal.NOT_AN_IDENTIFIER)
    if problem is not None or recipient is None:
        return await render_sign_in_page(pending, server, problem, email=typed)
    wait = await throttle.count_attempt("password", recipient.address, request, server)
    if wait is not None:
        return await render_sign_in_page(pending, server, throttled_problem(wait), email=typed)
    try:
        outcome = await server.resource_owners.sign_in_with_password(recipient, password, captcha_token(params, server))
    except ProviderUnavailable:
        return await render_sign_in_page(pending, server, UNAVAILABLE, email=typed)
    if isinstance(outcome, SignInRefusal):
        return await render_sign_in_page(pending, server, refusal_problem(outcome), email=typed)
    return await complete_sign_in(
        outcome, pending, request, server, attempts=[throttle.account_key("password", recipient.address)]
    )


async def sign_out(request: Request, server: AuthorizationServer) -> Response:
    """POST /signout with request, csrf, for "not you?" → the sign-in page of the same request."""
    found = await load_form_request(request, server, pending_request.find_request)
    if isinstance(found, Response):
        return found
    _, pending = found
    response = redirect(f"/signin?request={pending.handle}")
    await end_session(request, response, server)
    return response


# The other sign-in steps use the functions below.


async def complete_sign_in(
    outcome: ResourceOwner | FirstFactor,
    pending: Pending,
    request: Request,
    server: AuthorizationServer,
    *,
    attempts: Sequence[Digest] = (),
) -> Response:
    """Redirect to the consent page, or to the second factor. attempts: counters to reset."""
    if isinstance(outcome, FirstFactor):
        step = progress.FactorAsked(outcome.subject, outcome.proof, outcome.factors)
        await progress.save_progress(step, pending, server, attempts=attempts)
        log.info("second_factor_asked", subject=outcome.subject, client_id=pending.client.client_id)
        return redirect(f"/signin/factor?request={pending.handle}")
    response = redirect(f"/consent?request={pending.handle}")
    await begin_session(
        request, response, outcome, server, request_digest=pending.authorization_request.digest, attempts=attempts
    )
    server.flow_recorder.record(context_of(request.scope), Step.SIGNED_IN, client_id=pending.client.client_id)
    log.info("signed_in", subject=outcome.subject, client_id=pending.client.client_id, acr=outcome.acr)
    return response


async def render_sign_in_page(
    pending: Pending, server: AuthorizationServer, problem: Problem | None = None, *, email: str = ""
) -> Response:
    """The sign-in page, with the methods that the Supabase project has enabled. Raises Outage where none are known."""
    methods = await server.resource_owners.methods()
    return step_page(
        "sign_in.html",
        pending,
        server,
        problem,
        redirects=bool(methods.providers) or methods.sso,
        captcha=server.settings.captcha,
        client=pending.client_name,
        resource=pending.resource.name,
        methods=methods,
        sign_up_url=server.settings.sign_up_url,
        password_reset_url=server.settings.password_reset_url,
        email=email,
    )


def captcha_token(params: Parameters, server: AuthorizationServer) -> str | None:
    """The token of the captcha widget, which Supabase checks; None without a captcha."""
    return params.get(server.settings.captcha.field) if server.settings.captcha is not None else None


def check_identifier(params: Parameters) -> Problem | None:
    """A problem where no email address or phone number was typed."""
    return None if params.get("email", "").strip() else IDENTIFIER_MISSING


def _check_password(password: str) -> Problem | None:
    if not password:
        return PASSWORD_MISSING
    return PASSWORD_OVERSIZED if len(password) > _MAX_PASSWORD else None
