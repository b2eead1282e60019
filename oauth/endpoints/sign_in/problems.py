"""Why a sign-in step was refused: the sentence on the page, and the code in the log and in `mcp-auth explain`.

Neither says which half of the credentials was wrong or repeats what was typed."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared.pending_request import Pending
from oauth.endpoints.shared.responses import page
from oauth.endpoints.shared.throttle import Throttled
from oauth.foundation.outages import RETRY_AFTER_SECONDS
from oauth.foundation.reason_codes import Reason, ReasonCode
from oauth.foundation.vocabulary import Step
from oauth.protocol.captcha import Captcha
from oauth.protocol.resource_owners import SignInRefusal

log = structlog.get_logger()

_BAD_REQUEST, _TOO_MANY, _SERVICE_UNAVAILABLE = 400, 429, 503


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a sign-in step was refused.

    reason: the code for the log.
    sentence: what the page tells the user.
    status: of the HTTP response.
    retry_after: seconds to wait; None where waiting does not help."""

    reason: Reason
    sentence: str
    status: int = _BAD_REQUEST
    retry_after: int | None = None


def throttled_problem(wait: Throttled) -> Problem:
    """The problem of too many attempts."""
    return Problem(ReasonCode.ATTEMPTS_EXCEEDED, wait.sentence, _TOO_MANY, wait.seconds)


def refusal_problem(refusal: SignInRefusal) -> Problem:
    """The problem for a refusal by Supabase."""
    if refusal is SignInRefusal.TOO_MANY_ATTEMPTS:
        return Problem(ReasonCode(refusal), _SENTENCES[refusal], _TOO_MANY, RETRY_AFTER_SECONDS)
    return Problem(ReasonCode(refusal), _SENTENCES[refusal])


_SENTENCES = {
    SignInRefusal.WRONG_CREDENTIALS: "Email or password is wrong.",
    SignInRefusal.WRONG_CODE: "This code is wrong or has expired.",
    SignInRefusal.NOT_AN_IDENTIFIER: "This is not an email address or phone number.",
    SignInRefusal.NO_SUCH_DOMAIN: "There is no single sign-on for this domain.",
    SignInRefusal.SIGN_IN_LAPSED: "That took too long. Please sign in again.",
    SignInRefusal.EMAIL_NOT_CONFIRMED: "This email address is not confirmed yet. Follow the link in the mail first.",
    SignInRefusal.ACCOUNT_BLOCKED: "This account cannot sign in. Ask the people who run this service.",
    SignInRefusal.CAPTCHA_FAILED: "Solve the captcha, then try again.",
    SignInRefusal.METHOD_DISABLED: "This way of signing in is switched off here.",
    SignInRefusal.TOO_MANY_ATTEMPTS: "Too many attempts. Wait a minute, then try again.",
}
UNAVAILABLE = Problem(
    ReasonCode.PROVIDER_UNAVAILABLE,
    "Signing in is not possible right now. Nothing is lost: try again in a few seconds.",
    _SERVICE_UNAVAILABLE,
    RETRY_AFTER_SECONDS,
)
PROVIDER_REFUSED = Problem(
    ReasonCode.PROVIDER_REFUSED, "The other service did not sign you in. Try again, or sign in another way."
)
IDENTIFIER_MISSING = Problem(ReasonCode.IDENTIFIER_MISSING, "Enter your email address.")
PASSWORD_MISSING = Problem(ReasonCode.PASSWORD_MISSING, "Enter your password.")
PASSWORD_OVERSIZED = Problem(ReasonCode.PASSWORD_OVERSIZED, "This password is too long.")
TYPED_CODE_MALFORMED = Problem(ReasonCode.TYPED_CODE_MALFORMED, "Enter the code.")
FACTOR_UNKNOWN = Problem(ReasonCode.FACTOR_UNKNOWN, "Choose one of these.")


def step_page(
    template: str,
    pending: Pending,
    server: AuthorizationServer,
    problem: Problem | None,
    *,
    redirects: bool = False,
    captcha: Captcha | None = None,
    **values: object,
) -> Response:
    """A page of a sign-in step. A problem is logged and recorded, and the page shows the id of the attempt."""
    return page(
        server,
        template,
        status=200 if problem is None else problem.status,
        redirects=redirects,
        captcha=captcha,
        headers=_retry_headers(problem),
        flow_id="" if problem is None else _record_problem(problem, pending, server),
        handle=pending.handle,
        csrf=pending.form_token,
        problem="" if problem is None else problem.sentence,
        **values,
    )


def _retry_headers(problem: Problem | None) -> Mapping[str, str]:
    return {} if problem is None or problem.retry_after is None else {"Retry-After": str(problem.retry_after)}


def _record_problem(problem: Problem, pending: Pending, server: AuthorizationServer) -> str:
    log.info("sign_in_refused", reason=problem.reason, client_id=pending.client.client_id)
    return server.flow_recorder.record(
        pending.context, Step.SIGNED_IN, reason=problem.reason, description=problem.sentence
    )
