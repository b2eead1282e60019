"""/signin/provider and /signin/callback: the browser goes to a provider and comes back, guarded by PKCE (RFC 7636).

The callback is one URL without a query, so that Supabase can allow it literally. A cookie says which request it belongs
to: a callback that this browser did not start is refused."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import pending_request, throttle
from oauth.endpoints.shared.browser import forget_return, remember_return, returning_handle
from oauth.endpoints.shared.pending_request import Pending, load_form_request, malformed_message
from oauth.endpoints.shared.responses import message_page, redirect
from oauth.endpoints.sign_in import progress
from oauth.endpoints.sign_in.password import complete_sign_in, render_sign_in_page
from oauth.endpoints.sign_in.problems import PROVIDER_REFUSED, UNAVAILABLE, refusal_problem, throttled_problem
from oauth.endpoints.sign_in.progress import CodeSent, SentAway
from oauth.foundation.outages import ProviderUnavailable
from oauth.foundation.reason_codes import ReasonCode
from oauth.pages import Message
from oauth.protocol import parameters, pkce
from oauth.protocol.errors import OAuthError
from oauth.protocol.parameters import Parameters
from oauth.protocol.resource_owners import ProviderReturn, SignInRefusal
from oauth.protocol.route_table import CALLBACK_PATH

log = structlog.get_logger()

_MAX_DOMAIN = 253


def provider_return(server: AuthorizationServer, code_verifier: str) -> ProviderReturn:
    """Where a provider sends the browser back to, with the PKCE challenge."""
    return ProviderReturn(f"{server.settings.issuer}{CALLBACK_PATH}", pkce.s256(code_verifier))


async def redirect_to_provider(request: Request, server: AuthorizationServer) -> Response:
    """POST /signin/provider with request, csrf, and provider or domain."""
    found = await load_form_request(request, server)
    if isinstance(found, Response):
        return found
    params, pending = found
    verifier = pkce.new_code_verifier(server.entropy)
    url = await _find_provider_url(params, provider_return(server, verifier), request, server)
    if isinstance(url, SignInRefusal):
        return await render_sign_in_page(pending, server, refusal_problem(url))
    if isinstance(url, throttle.Throttled):
        return await render_sign_in_page(pending, server, throttled_problem(url))
    if url is None:
        return await render_sign_in_page(pending, server, UNAVAILABLE)
    await progress.save_progress(SentAway(verifier), pending, server)
    response = redirect(url)
    remember_return(response, pending.handle, server)
    return response


async def handle_callback(request: Request, server: AuthorizationServer) -> Response:
    """GET /signin/callback?code= or ?error="""
    params = parameters.parse_encoded(request.scope["query_string"])
    if isinstance(params, OAuthError):
        return message_page(request, server, malformed_message(params))
    handle = returning_handle(request, server)
    if handle is None:
        return message_page(request, server, _NOT_BEGUN_HERE)
    pending = await pending_request.find_open_request({"request": handle}, request, server)
    if isinstance(pending, Response):
        return pending
    response = await _complete_callback(params, pending, request, server)
    forget_return(response, server)
    return response


async def _find_provider_url(
    params: Parameters, callback: ProviderReturn, request: Request, server: AuthorizationServer
) -> str | SignInRefusal | throttle.Throttled | None:
    """The URL of the provider, or why the browser cannot go there; None during an outage."""
    owners = server.resource_owners
    methods = await owners.methods()
    provider, domain = params.get("provider"), params.get("domain", "").strip().lower().rpartition("@")[2]
    if provider is not None:
        known = provider in {each.provider_id for each in methods.providers}
        return owners.provider_url(provider, callback) if known else SignInRefusal.METHOD_DISABLED
    if not methods.sso:
        return SignInRefusal.METHOD_DISABLED
    if not domain or len(domain) > _MAX_DOMAIN:
        return SignInRefusal.NO_SUCH_DOMAIN
    wait = await throttle.count_attempt(
        "sso", domain, request, server, max_per_account=server.settings.attempts.per_address
    )
    if wait is not None:
        return wait
    try:
        return await owners.sso_url(domain, callback)
    except ProviderUnavailable:
        return None


async def _complete_callback(
    params: Parameters, pending: Pending, request: Request, server: AuthorizationServer
) -> Response:
    step = progress.load_progress(pending)
    if not isinstance(step, SentAway | CodeSent):
        return progress.lapsed_page(pending, request, server)
    code = params.get("code")
    if code is None:
        # Do not show or log the provider's error: any link to this URL can contain any text.
        return await render_sign_in_page(pending, server, PROVIDER_REFUSED)
    try:
        outcome = await server.resource_owners.sign_in_with_return(code, step.code_verifier)
    except ProviderUnavailable:
        return await render_sign_in_page(pending, server, UNAVAILABLE)
    if isinstance(outcome, SignInRefusal):
        return await render_sign_in_page(pending, server, refusal_problem(outcome))
    return await complete_sign_in(outcome, pending, request, server)


_NOT_BEGUN_HERE = Message(
    "Signing in did not begin in this browser",
    "The link or page that led here belongs to another browser, or it was used already. Nothing was shared.",
    "Go back to the app and start again from there. Open the link in the browser where you began.",
    reason=ReasonCode.RETURN_UNKNOWN,
)
