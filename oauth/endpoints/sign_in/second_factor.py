"""/signin/factor: the second factor of users who have enrolled one."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import pending_request, throttle
from oauth.endpoints.shared.pending_request import Pending, load_form_request
from oauth.endpoints.shared.responses import redirect
from oauth.endpoints.sign_in import progress
from oauth.endpoints.sign_in.one_time_code import clean_code
from oauth.endpoints.sign_in.password import complete_sign_in
from oauth.endpoints.sign_in.problems import (
    FACTOR_UNKNOWN,
    TYPED_CODE_MALFORMED,
    UNAVAILABLE,
    Problem,
    refusal_problem,
    step_page,
    throttled_problem,
)
from oauth.endpoints.sign_in.progress import FactorAsked
from oauth.foundation.outages import ProviderUnavailable
from oauth.protocol.resource_owners import SecondFactor, SignInRefusal

_MAX_ATTEMPTS = 5


async def show_factor(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin/factor?request="""
    pending = await pending_request.load_page_request(request, server)
    if isinstance(pending, Response):
        return pending
    step = progress.load_progress(pending)
    if not isinstance(step, FactorAsked):
        return redirect(f"/signin?request={pending.handle}")
    return _render_factor_page(step, pending, server)


async def check_factor(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/factor with request, csrf, factor, and code unless a phone is chosen, which first gets one."""
    found = await load_form_request(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    step = progress.load_progress(pending)
    if not isinstance(step, FactorAsked):
        return progress.lapsed_page(pending, request, server)
    factor = next((each for each in step.factors if each.factor_id == params.get("factor")), None)
    if factor is None:
        return _render_factor_page(step, pending, server, FACTOR_UNKNOWN)
    if factor.kind == "phone" and step.chosen != factor.factor_id:
        return await _send_phone_code(factor, step, pending, request, server)
    code = clean_code(params.get("code"))
    if code is None:
        return _render_factor_page(step, pending, server, TYPED_CODE_MALFORMED)
    wait = await throttle.count_attempt("factor", step.subject, request, server, max_per_account=_MAX_ATTEMPTS)
    if wait is not None:
        return _render_factor_page(step, pending, server, throttled_problem(wait))
    owners = server.resource_owners
    try:
        challenge_id = step.challenge_id if step.chosen == factor.factor_id else None
        challenge_id = challenge_id or await owners.challenge(step.proof, factor.factor_id)
        if isinstance(challenge_id, SignInRefusal):
            return await _render_refusal(challenge_id, step, pending, request, server)
        outcome = await owners.sign_in_with_factor(step.proof, factor.factor_id, challenge_id, code)
    except ProviderUnavailable:
        return _render_factor_page(step, pending, server, UNAVAILABLE)
    if isinstance(outcome, SignInRefusal):
        return await _render_refusal(outcome, step, pending, request, server)
    return await complete_sign_in(
        outcome, pending, request, server, attempts=[throttle.account_key("factor", step.subject)]
    )


async def _send_phone_code(
    factor: SecondFactor, step: FactorAsked, pending: Pending, request: Request, server: AuthorizationServer
) -> Response:
    """Send a code to the phone that the user chose."""
    wait = await throttle.count_attempt("send factor", step.subject, request, server, max_per_account=_MAX_ATTEMPTS)
    if wait is not None:
        return _render_factor_page(step, pending, server, throttled_problem(wait))
    try:
        challenge_id = await server.resource_owners.challenge(step.proof, factor.factor_id)
    except ProviderUnavailable:
        return _render_factor_page(step, pending, server, UNAVAILABLE)
    if isinstance(challenge_id, SignInRefusal):
        return await _render_refusal(challenge_id, step, pending, request, server)
    await progress.save_progress(replace(step, chosen=factor.factor_id, challenge_id=challenge_id), pending, server)
    return redirect(f"/signin/factor?request={pending.handle}")


async def _render_refusal(
    refusal: SignInRefusal, step: FactorAsked, pending: Pending, request: Request, server: AuthorizationServer
) -> Response:
    if refusal is SignInRefusal.SIGN_IN_LAPSED:
        await progress.clear_progress(pending, server)
        return progress.lapsed_page(pending, request, server)
    return _render_factor_page(step, pending, server, refusal_problem(refusal))


def _render_factor_page(
    step: FactorAsked, pending: Pending, server: AuthorizationServer, problem: Problem | None = None
) -> Response:
    return step_page("second_factor.html", pending, server, problem, factors=step.factors, chosen=step.chosen)
