"""/consent: shows the user which app gets access to what, and takes their answer (D-21)."""

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

_DENIED = ""  # stored in place of a code
_STAY_CONNECTED = "Stay connected when you are not using it"


async def show_consent(request: Request, server: AuthorizationServer) -> Response:
    """GET /consent?request="""
    pending = await pending_request.load_page_request(request, server)
    if isinstance(pending, Response):
        return pending
    session = await current_session(request, server)
    if session is None:
        return redirect(f"/signin?request={pending.handle}")
    refusal = await _check_access(pending, session, request, server)
    return refusal or _render_consent_page(pending, session, server)


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
    if pending.authorization_request.decided_at is None and now >= pending.authorization_request.expires_at:
        return pending_request.expired_page(pending, request, server)
    code: AuthorizationCode | None = None
    plain_code = _DENIED
    if decision == "allow" and pending.authorization_request.decided_at is None:
        session = await current_session(request, server)
        if session is None:
            return redirect(f"/signin?request={pending.handle}")
        # Ours: Allow counts only for the account that the page named. Another user may have signed in since, in another
        # window of the same browser.
        if not pending.form_names_account(session.subject, params.get("csrf")):
            return redirect(f"/consent?request={pending.handle}")
        refusal = await _check_access(pending, session, request, server)
        if refusal is not None:
            return refusal
        plain_code = credentials.new_secret(CODE_PREFIX, server.entropy)
        code = _new_code(plain_code, pending, session, server, now)
    answered = await server.store.requests.answer(
        pending.authorization_request.digest, seal_under(pending.handle, plain_code), code, now
    )
    recorded = unseal_under(pending.handle, answered.sealed_answer or b"") if answered is not None else None
    if recorded is None:
        return message_page(request, server, _GONE)
    if recorded == plain_code and pending.authorization_request.decided_at is None:
        _record_answer(ReasonCode.CONSENT_DENIED if decision == "deny" else None, pending, request, server)
        log.info("consent", decision=decision, client_id=pending.client.client_id, resource=pending.resource.path)
        return redirect(_answer_url(pending, recorded, server))
    return await _answer_again(pending, recorded, decision, request, server)


async def _answer_again(
    pending: Pending, recorded: str, decision: str, request: Request, server: AuthorizationServer
) -> Response:
    """Answer a second click or a change of mind. Allow is repeated while its code is fresh; Deny always counts.

    recorded: the code of the first answer, or _DENIED."""
    now = server.clock()
    code = await server.store.grants.authorization_code(digest(recorded)) if recorded != _DENIED else None
    if decision == "deny":
        if code is not None:
            await server.revoker.end_grant(code.grant, ReasonCode.CONSENT_WITHDRAWN)
            _record_answer(ReasonCode.CONSENT_WITHDRAWN, pending, request, server)
        return redirect(_answer_url(pending, _DENIED, server))
    if code is None or code.redeemed_at is not None or now >= code.expires_at:
        return pending_request.finished_page(pending, request, server)
    return redirect(_answer_url(pending, recorded, server))


def _record_answer(reason: ReasonCode | None, pending: Pending, request: Request, server: AuthorizationServer) -> None:
    server.flow_recorder.record(
        context_of(request.scope),
        Step.CONSENTED,
        client_id=pending.client.client_id,
        reason=reason,
        description=None if reason is None else _DENIALS[reason],
    )


_DENIALS = {
    ReasonCode.CONSENT_DENIED: "The person did not allow access.",
    ReasonCode.CONSENT_WITHDRAWN: "The person allowed access and took it back on the same page.",
}


def _answer_url(pending: Pending, code: str, server: AuthorizationServer) -> str:
    if code != _DENIED:
        return pending.authorization_request.target.answer(server.settings.issuer, {"code": code})
    denied = access_denied("The person did not allow access.", reason=ReasonCode.CONSENT_DENIED)
    return pending.authorization_request.target.answer(
        server.settings.issuer, {"error": denied.code, "error_description": denied.description}
    )


def _new_code(
    plain_code: str, pending: Pending, session: SignInSession, server: AuthorizationServer, now: datetime
) -> AuthorizationCode:
    """The code for an Allow, with its grant."""
    authorization_request = pending.authorization_request
    grant = Grant(
        grant_id=GrantId(credentials.new_secret("gr_", server.entropy)),
        subject=session.subject,
        client_id=pending.client.client_id,
        resource=authorization_request.resource,
        scope=authorization_request.scope,
        auth_time=session.auth_time,
        acr=session.acr,
        created_at=now,
        expires_at=now + server.settings.grant_lifetime,
        flow_id=authorization_request.flow_id,
    )
    return AuthorizationCode(
        digest=digest(plain_code),
        grant=grant,
        redirect_uri=authorization_request.target.uri,
        code_challenge=authorization_request.code_challenge,
        expires_at=now + server.settings.authorization_code_lifetime,
        dpop_jkt=authorization_request.dpop_jkt,
    )


async def _check_access(
    pending: Pending, session: SignInSession, request: Request, server: AuthorizationServer
) -> Response | None:
    """The response for a user who cannot have this resource, or not with this sign-in; None for everyone else."""
    status = await server.resource_owners.standing(session.subject)
    sign_in = redirect(f"/signin?request={pending.handle}")
    # The lookup above ends this session where it finds that the user signed out everywhere: let them sign in again.
    if not status.active and await current_session(request, server) is None:
        return sign_in
    # The factor was enrolled after this sign-in; the next sign-in asks for it.
    if status.has_factor and session.acr != AAL2:
        log.info("sign_in_outdated", reason="second_factor_enrolled", subject=session.subject)
        await end_session(request, sign_in, server)
        return sign_in
    reason = _check_permitted(pending.resource, session, status)
    return None if reason is None else _render_not_permitted(pending, session, reason, request, server)


def _check_permitted(resource: Resource, session: SignInSession, status: AccessStatus) -> ReasonCode | None:
    """The reason why the user cannot have this resource; None where they can (D-13)."""
    if not status.active:
        return ReasonCode.USER_INACTIVE
    if not resource.admits(status.role):
        return ReasonCode.ROLE_REQUIRED
    if not resource.is_assured(session.acr, has_factor=status.has_factor):
        return ReasonCode.SECOND_FACTOR_REQUIRED
    return None


# Completes the sentence "The account …".
_NOT_PERMITTED = {
    ReasonCode.USER_INACTIVE: "has been deactivated.",
    ReasonCode.ROLE_REQUIRED: "does not have the role that it needs.",
    ReasonCode.SECOND_FACTOR_REQUIRED: (
        "has no second factor, which it needs. Add one where the account is managed, then sign in again."
    ),
}


def _render_not_permitted(
    pending: Pending, session: SignInSession, reason: ReasonCode, request: Request, server: AuthorizationServer
) -> Response:
    log.info("consent_refused", reason=reason, subject=session.subject, resource=pending.resource.path)
    flow_id = server.flow_recorder.record(
        context_of(request.scope),
        Step.CONSENTED,
        client_id=pending.client.client_id,
        resource=pending.resource.path,
        reason=reason,
        description=f"The account {_NOT_PERMITTED[reason]}",
    )
    return page(
        server,
        "not_permitted.html",
        status=403,
        redirects=True,
        flow_id=flow_id,
        handle=pending.handle,
        csrf=pending.account_form_token(session.subject),
        client=pending.client_name,
        resource=pending.resource.name,
        account=session.account,
        why=_NOT_PERMITTED[reason],
    )


def _render_consent_page(pending: Pending, session: SignInSession, server: AuthorizationServer) -> Response:
    scopes = [
        pending.resource.scopes[scope] for scope in sorted(pending.authorization_request.scope - {OFFLINE_ACCESS})
    ]
    if OFFLINE_ACCESS in pending.authorization_request.scope:
        scopes.append(_STAY_CONNECTED)
    return page(
        server,
        "consent.html",
        redirects=True,
        handle=pending.handle,
        csrf=pending.account_form_token(session.subject),
        client=pending.client_name,
        client_is_proven=pending.client.proves_its_identity,
        client_host=_publisher_host(pending.client),
        client_is_known=server.known_clients.document(pending.client.client_id) is not None,
        account=session.account,
        resource=pending.resource.name,
        redirect_host=pending.authorization_request.target.host,
        redirect_is_loopback=redirect_uri.is_loopback(pending.authorization_request.target.uri),
        scopes=scopes,
    )


def _publisher_host(client: Client) -> str | None:
    """The host that publishes the client's metadata and so answers for it; None where there is no such host."""
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
