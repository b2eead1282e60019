"""/signin/factor: the second proof of people who have enrolled one."""

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

_GUESSES = 5


async def show_factor(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin/factor?request="""
    pending = await pending_request.load_page_request(request, server)
    if isinstance(pending, Response):
        return pending
    asked = progress.load_progress(pending)
    if not isinstance(asked, FactorAsked):
        return redirect(f"/signin?request={pending.handle}")
    return _page(asked, pending, server)


async def check_factor(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/factor with request, csrf, factor, and code where it was asked for."""
    found = await load_form_request(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    asked = progress.load_progress(pending)
    if not isinstance(asked, FactorAsked):
        return progress.lapsed_page(pending, request, server)
    factor = next((each for each in asked.factors if each.factor_id == params.get("factor")), None)
    if factor is None:
        return _page(asked, pending, server, FACTOR_UNKNOWN)
    if factor.kind == "phone" and asked.chosen != factor.factor_id:
        return await _send(factor, asked, pending, request, server)
    code = clean_code(params.get("code"))
    if code is None:
        return _page(asked, pending, server, TYPED_CODE_MALFORMED)
    wait = await throttle.count_attempt("factor", asked.subject, request, server, most=_GUESSES)
    if wait is not None:
        return _page(asked, pending, server, throttled_problem(wait))
    owners = server.resource_owners
    try:
        challenge_id = asked.challenge_id if asked.chosen == factor.factor_id else None
        challenge_id = challenge_id or await owners.challenge(asked.proof, factor.factor_id)
        if isinstance(challenge_id, SignInRefusal):
            return await _refused(challenge_id, asked, pending, request, server)
        outcome = await owners.sign_in_with_factor(asked.proof, factor.factor_id, challenge_id, code)
    except ProviderUnavailable:
        return _page(asked, pending, server, UNAVAILABLE)
    if isinstance(outcome, SignInRefusal):
        return await _refused(outcome, asked, pending, request, server)
    return await complete_sign_in(
        outcome, pending, request, server, attempts=[throttle.account_key("factor", asked.subject)]
    )


async def _send(
    factor: SecondFactor, asked: FactorAsked, pending: Pending, request: Request, server: AuthorizationServer
) -> Response:
    """A phone gets its code when it is chosen."""
    wait = await throttle.count_attempt("send factor", asked.subject, request, server, most=_GUESSES)
    if wait is not None:
        return _page(asked, pending, server, throttled_problem(wait))
    try:
        challenge_id = await server.resource_owners.challenge(asked.proof, factor.factor_id)
    except ProviderUnavailable:
        return _page(asked, pending, server, UNAVAILABLE)
    if isinstance(challenge_id, SignInRefusal):
        return await _refused(challenge_id, asked, pending, request, server)
    await progress.save_progress(replace(asked, chosen=factor.factor_id, challenge_id=challenge_id), pending, server)
    return redirect(f"/signin/factor?request={pending.handle}")


async def _refused(
    refusal: SignInRefusal, asked: FactorAsked, pending: Pending, request: Request, server: AuthorizationServer
) -> Response:
    if refusal is SignInRefusal.SIGN_IN_LAPSED:
        await progress.clear_progress(pending, server)
        return progress.lapsed_page(pending, request, server)
    return _page(asked, pending, server, refusal_problem(refusal))


def _page(
    asked: FactorAsked, pending: Pending, server: AuthorizationServer, problem: Problem | None = None
) -> Response:
    return step_page("second_factor.html", pending, server, problem, factors=asked.factors, chosen=asked.chosen)
