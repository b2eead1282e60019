"""/consent: the person is told who gets access to what, and says yes or no (D-21)."""

from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import pending_request
from oauth.endpoints.shared.browser import current_session, end_session
from oauth.endpoints.shared.pending_request import Pending
from oauth.endpoints.shared.responses import message_page, page, redirect
from oauth.foundation import credentials
from oauth.foundation.credentials import CODE_PREFIX, digest, seal_under, unseal_under
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import AAL2, OFFLINE_ACCESS, GrantId, Step
from oauth.pages import Message
from oauth.protocol import redirect_uri
from oauth.protocol.clients import id_url
from oauth.protocol.errors import access_denied
from oauth.protocol.models import AuthorizationCode, Client, Grant, SignInSession
from oauth.protocol.resource_owners import AccessStatus
from oauth.protocol.resources import Resource

log = structlog.get_logger()

_DENIED = ""  # stands where a code would
_STAY_CONNECTED = "Stay connected when you are not using it"


async def show_consent(request: Request, server: AuthorizationServer) -> Response:
    """GET /consent?request="""
    pending = await pending_request.load_page_request(request, server)
    if isinstance(pending, Response):
        return pending
    session = await current_session(request, server)
    if session is None:
        return redirect(f"/signin?request={pending.handle}")
    turned_away = await _turned_away(pending, session, request, server)
    return turned_away or _question(pending, session, server)


async def decide(request: Request, server: AuthorizationServer) -> Response:
    """POST /consent with request, csrf, decision=allow|deny → 303 to the client."""
    found = await pending_request.load_form_request(request, server, pending_request.find_request)
    if isinstance(found, Response):
        return found
    params, pending = found
    decision = params.get("decision")
    if decision not in {"allow", "deny"}:
        return message_page(request, server, _UNDECIDED)
    now = server.clock()
    if pending.asked.decided_at is None and now >= pending.asked.expires_at:
        return pending_request.expired_page(pending, request, server)
    code: AuthorizationCode | None = None
    plain_code = _DENIED
    if decision == "allow" and pending.asked.decided_at is None:
        session = await current_session(request, server)
        if session is None:
            return redirect(f"/signin?request={pending.handle}")
        # Ours: the yes is of whoever the page named; in another window somebody else may have signed in since.
        if not pending.was_shown_to(session.subject, params.get("csrf")):
            return redirect(f"/consent?request={pending.handle}")
        turned_away = await _turned_away(pending, session, request, server)
        if turned_away is not None:
            return turned_away
        plain_code = credentials.new_secret(CODE_PREFIX, server.entropy)
        code = _code(plain_code, pending, session, server, now)
    answered = await server.store.requests.answer(
        pending.asked.digest, seal_under(pending.handle, plain_code), code, now
    )
    standing = unseal_under(pending.handle, answered.sealed_answer or b"") if answered is not None else None
    if standing is None:
        return message_page(request, server, _GONE)
    if standing == plain_code and pending.asked.decided_at is None:
        _note_answer(ReasonCode.CONSENT_DENIED if decision == "deny" else None, pending, request, server)
        log.info("consent", decision=decision, client_id=pending.client.client_id, resource=pending.resource.path)
        return redirect(_answer_url(pending, standing, server))
    return await _answered_before(pending, standing, decision, request, server)


async def _answered_before(
    pending: Pending, standing: str, decision: str, request: Request, server: AuthorizationServer
) -> Response:
    """A second click, or a change of mind. A yes is repeated while its code is fresh; a no always counts."""
    now = server.clock()
    code = await server.store.grants.authorization_code(digest(standing)) if standing != _DENIED else None
    if decision == "deny":
        if code is not None:
            await server.revoker.end_grant(code.grant, ReasonCode.CONSENT_WITHDRAWN)
            _note_answer(ReasonCode.CONSENT_WITHDRAWN, pending, request, server)
        return redirect(_answer_url(pending, _DENIED, server))
    if code is None or code.redeemed_at is not None or now >= code.expires_at:
        return pending_request.finished_page(pending, request, server)
    return redirect(_answer_url(pending, standing, server))


def _note_answer(reason: ReasonCode | None, pending: Pending, request: Request, server: AuthorizationServer) -> None:
    server.flow_recorder.record(
        context_of(request.scope),
        Step.CONSENTED,
        client_id=pending.client.client_id,
        reason=reason,
        description=None if reason is None else _SAID_NO[reason],
    )


_SAID_NO = {
    ReasonCode.CONSENT_DENIED: "The person did not allow access.",
    ReasonCode.CONSENT_WITHDRAWN: "The person allowed access and took it back on the same page.",
}


def _answer_url(pending: Pending, code: str, server: AuthorizationServer) -> str:
    if code != _DENIED:
        return pending.asked.target.answer(server.settings.issuer, {"code": code})
    denied = access_denied("The person did not allow access.", reason=ReasonCode.CONSENT_DENIED)
    return pending.asked.target.answer(
        server.settings.issuer, {"error": denied.code, "error_description": denied.description}
    )


def _code(
    plain_code: str, pending: Pending, session: SignInSession, server: AuthorizationServer, now: datetime
) -> AuthorizationCode:
    """The code that stands for this yes, with its grant."""
    grant = Grant(
        grant_id=GrantId(credentials.new_secret("gr_", server.entropy)),
        subject=session.subject,
        client_id=pending.client.client_id,
        resource=pending.asked.resource,
        scope=pending.asked.scope,
        auth_time=session.auth_time,
        acr=session.acr,
        created_at=now,
        expires_at=now + server.settings.grant_lifetime,
        flow_id=pending.asked.flow_id,
    )
    return AuthorizationCode(
        digest=digest(plain_code),
        grant=grant,
        redirect_uri=pending.asked.target.uri,
        code_challenge=pending.asked.code_challenge,
        expires_at=now + server.settings.authorization_code_lifetime,
        dpop_jkt=pending.asked.dpop_jkt,
    )


async def _turned_away(
    pending: Pending, session: SignInSession, request: Request, server: AuthorizationServer
) -> Response | None:
    """The answer to somebody who cannot have this resource, or not with this sign-in."""
    standing = await server.resource_owners.standing(session.subject)
    sign_in = redirect(f"/signin?request={pending.handle}")
    # To look where somebody stands may be to find out that they have signed out everywhere: they may sign in again.
    if not standing.active and await current_session(request, server) is None:
        return sign_in
    # A factor that was enrolled after this sign-in is asked for by the next one.
    if standing.has_factor and session.acr != AAL2:
        log.info("sign_in_outdated", reason="second_factor_enrolled", subject=session.subject)
        await end_session(request, sign_in, server)
        return sign_in
    why = _why_not(pending.resource, session, standing)
    return None if why is None else _not_permitted(pending, session, why, request, server)


def _why_not(resource: Resource, session: SignInSession, standing: AccessStatus) -> ReasonCode | None:
    """The reason why this person cannot have this resource; None when they can (D-13)."""
    if not standing.active:
        return ReasonCode.USER_INACTIVE
    if not resource.admits(standing.role):
        return ReasonCode.ROLE_REQUIRED
    if not resource.is_assured(session.acr, has_factor=standing.has_factor):
        return ReasonCode.SECOND_FACTOR_REQUIRED
    return None


# The end of a sentence about the account.
_WHY_NOT = {
    ReasonCode.USER_INACTIVE: "has been deactivated.",
    ReasonCode.ROLE_REQUIRED: "does not have the role that it needs.",
    ReasonCode.SECOND_FACTOR_REQUIRED: (
        "has no second factor, which it needs. Add one where the account is managed, then sign in again."
    ),
}


def _not_permitted(
    pending: Pending, session: SignInSession, reason: ReasonCode, request: Request, server: AuthorizationServer
) -> Response:
    log.info("consent_refused", reason=reason, subject=session.subject, resource=pending.resource.path)
    flow_id = server.flow_recorder.record(
        context_of(request.scope),
        Step.CONSENTED,
        client_id=pending.client.client_id,
        resource=pending.resource.path,
        reason=reason,
        description=f"The account {_WHY_NOT[reason]}",
    )
    return page(
        server,
        "not_permitted.html",
        status=403,
        redirects=True,
        flow_id=flow_id,
        handle=pending.handle,
        csrf=pending.form_token_of(session.subject),
        client=pending.client_name,
        resource=pending.resource.name,
        account=session.account,
        why=_WHY_NOT[reason],
    )


def _question(pending: Pending, session: SignInSession, server: AuthorizationServer) -> Response:
    scopes = [pending.resource.scopes[scope] for scope in sorted(pending.asked.scope - {OFFLINE_ACCESS})]
    if OFFLINE_ACCESS in pending.asked.scope:
        scopes.append(_STAY_CONNECTED)
    return page(
        server,
        "consent.html",
        redirects=True,
        handle=pending.handle,
        csrf=pending.form_token_of(session.subject),
        client=pending.client_name,
        client_is_proven=pending.client.proves_its_identity,
        client_host=_host(pending.client),
        client_is_known=server.known_clients.document(pending.client.client_id) is not None,
        account=session.account,
        resource=pending.resource.name,
        redirect_host=pending.asked.target.host,
        redirect_is_loopback=redirect_uri.is_loopback(pending.asked.target.uri),
        scopes=scopes,
    )


def _host(client: Client) -> str | None:
    """Who answers for what the app says of itself: the host that publishes its description."""
    return id_url.host(client.client_id) if id_url.is_url(client.client_id) else None


_UNDECIDED = Message(
    "No answer was given",
    "The form arrived without a choice of Allow or Deny.",
    "Go back and choose one of the two buttons.",
    reason=ReasonCode.DECISION_MISSING,
)
_GONE = Message(
    "This page is no longer valid",
    "The app's registration has been deleted, so it cannot be connected.",
    "Go back to the app and start again from there.",
    reason=ReasonCode.CLIENT_UNKNOWN,
)
