"""/signin/factor: the second proof of people who have enrolled one."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from oauth import parameters
from oauth.authorization_server import AuthorizationServer
from oauth.endpoints import pending as pending_request
from oauth.endpoints import sign_in_progress as progress
from oauth.endpoints import throttle
from oauth.endpoints.pending import Pending
from oauth.endpoints.responses import message_page, page, redirect
from oauth.endpoints.sign_in import PROBLEMS, UNAVAILABLE, go_on, malformed, note_refusal, posted, status_of
from oauth.endpoints.sign_in_code import clean_code
from oauth.endpoints.sign_in_progress import FactorAsked
from oauth.errors import OAuthError
from oauth.outages import RETRY_AFTER_SECONDS, ProviderUnavailable
from oauth.resource_owners import SecondFactor, SignInRefusal

_GUESSES = 5
_SERVICE_UNAVAILABLE = 503
_TOO_MANY = 429


async def show_factor(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin/factor?request="""
    params = parameters.parse_encoded(request.scope["query_string"])
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed(params))
    pending = await pending_request.find_open(params, request, server)
    if isinstance(pending, Response):
        return pending
    asked = progress.of(pending)
    if not isinstance(asked, FactorAsked):
        return redirect(f"/signin?request={pending.handle}")
    return _page(asked, pending, server)


async def check_factor(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/factor with request, csrf, factor, and code where it was asked for."""
    found = await posted(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    asked = progress.of(pending)
    if not isinstance(asked, FactorAsked):
        return progress.lapsed(pending, request, server)
    factor = next((each for each in asked.factors if each.factor_id == params.get("factor")), None)
    if factor is None:
        return _page(asked, pending, server, problem="Choose one of these.", status=400)
    if factor.kind == "phone" and asked.chosen != factor.factor_id:
        return await _send(factor, asked, pending, request, server)
    code = clean_code(params.get("code"))
    if code is None:
        return _page(asked, pending, server, problem="Enter the code.", status=400)
    wait = await throttle.count("factor", asked.subject, request, server, most=_GUESSES)
    if wait is not None:
        note_refusal("attempts_exceeded", pending, server)
        return _page(asked, pending, server, problem=wait.sentence, status=_TOO_MANY, retry_after_seconds=wait.seconds)
    owners = server.resource_owners
    try:
        challenge_id = asked.challenge_id if asked.chosen == factor.factor_id else None
        challenge_id = challenge_id or await owners.challenge(asked.proof, factor.factor_id)
        if isinstance(challenge_id, SignInRefusal):
            return await _refused(challenge_id, asked, pending, request, server)
        outcome = await owners.sign_in_with_factor(asked.proof, factor.factor_id, challenge_id, code)
    except ProviderUnavailable:
        note_refusal("provider_unavailable", pending, server)
        return _page(asked, pending, server, problem=UNAVAILABLE, status=_SERVICE_UNAVAILABLE)
    if isinstance(outcome, SignInRefusal):
        return await _refused(outcome, asked, pending, request, server)
    await throttle.forget("factor", asked.subject, server)
    return await go_on(outcome, pending, request, server)


async def _send(
    factor: SecondFactor, asked: FactorAsked, pending: Pending, request: Request, server: AuthorizationServer
) -> Response:
    """A phone gets its code when it is chosen."""
    wait = await throttle.count("send factor", asked.subject, request, server, most=_GUESSES)
    if wait is not None:
        note_refusal("attempts_exceeded", pending, server)
        return _page(asked, pending, server, problem=wait.sentence, status=_TOO_MANY, retry_after_seconds=wait.seconds)
    try:
        challenge_id = await server.resource_owners.challenge(asked.proof, factor.factor_id)
    except ProviderUnavailable:
        note_refusal("provider_unavailable", pending, server)
        return _page(asked, pending, server, problem=UNAVAILABLE, status=_SERVICE_UNAVAILABLE)
    if isinstance(challenge_id, SignInRefusal):
        return await _refused(challenge_id, asked, pending, request, server)
    await progress.keep(replace(asked, chosen=factor.factor_id, challenge_id=challenge_id), pending, server)
    return redirect(f"/signin/factor?request={pending.handle}")


async def _refused(
    refusal: SignInRefusal, asked: FactorAsked, pending: Pending, request: Request, server: AuthorizationServer
) -> Response:
    note_refusal(refusal, pending, server)
    if refusal is SignInRefusal.SIGN_IN_LAPSED:
        await progress.forget(pending, server)
        return progress.lapsed(pending, request, server)
    return _page(asked, pending, server, problem=PROBLEMS[refusal], status=status_of(refusal))


def _page(
    asked: FactorAsked,
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
        "second_factor.html",
        status=status,
        headers=headers,
        handle=pending.handle,
        csrf=pending.form_token,
        factors=asked.factors,
        chosen=asked.chosen,
        problem=problem,
    )
