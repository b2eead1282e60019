"""POST /token (OAuth 2.1 §3.2): exchanges a code, a refresh token or another grant for an access token."""

from dataclasses import replace
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints import browserless_grants
from oauth.endpoints.shared import authenticated_client, dpop_proof
from oauth.endpoints.shared.responses import error_response, json_response
from oauth.foundation import credentials
from oauth.foundation.credentials import REFRESH_TOKEN_PREFIX
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import RequestContext, context_of
from oauth.foundation.vocabulary import Step
from oauth.protocol import access_token, token_request
from oauth.protocol.clients import authentication as client_authentication
from oauth.protocol.clients.authentication import PresentedClient
from oauth.protocol.errors import OAuthError, invalid_grant
from oauth.protocol.grant_types import authorization_code, refresh_token
from oauth.protocol.grant_types.decision import CodeDecision, Issue, RefreshDecision, Refuse
from oauth.protocol.models import AuthorizationCode, Client, RefreshToken
from oauth.protocol.scope import to_text
from oauth.protocol.token_request import (
    AuthorizationCodeRequest,
    ClientCredentialsRequest,
    IdentityAssertionRequest,
    RefreshTokenRequest,
    TokenRequest,
)

log = structlog.get_logger()


async def token(request: Request, server: AuthorizationServer) -> Response:
    """A form → an access token and a refresh token, or an error that tells the client how to recover (D-15)."""
    found = await authenticated_client.read_presented_client(request, server)
    if isinstance(found, OAuthError):
        return _refuse(found, request, server)
    params, presented = found
    grant_request = token_request.parse(params, presented.client_id)
    if isinstance(grant_request, OAuthError):
        return _refuse(grant_request, request, server, presented)
    now = server.clock()
    proof = await dpop_proof.check_dpop_proof(request, server)
    if isinstance(proof, OAuthError):
        return _refuse(proof, request, server, presented)
    jkt = None if proof is None else proof.jkt
    context = context_of(request.scope)
    decision = await _decide(grant_request, presented, jkt, context, server, now)
    if isinstance(decision, Refuse):
        context.flow_id = decision.flow_id or context.flow_id
        if decision.revoke is not None:
            await server.revoker.end_grant(decision.revoke, decision.error.reason)
        return _refuse(decision.error, request, server, presented)
    if decision.generation == 0:
        server.flow_recorder.record(
            context,
            Step.TOKEN_ISSUED,
            flow_id=decision.grant.flow_id,
            client_id=decision.grant.client_id,
            grant_id=decision.grant.grant_id,
        )
    context.serve(decision.grant.subject, decision.grant.client_id)
    return json_response(_token_response(decision, jkt, server, now))


async def _decide(
    grant_request: TokenRequest,
    presented: PresentedClient,
    jkt: str | None,
    context: RequestContext,
    server: AuthorizationServer,
    now: datetime,
) -> Issue | Refuse:
    match grant_request:
        case AuthorizationCodeRequest():
            return await _redeem(grant_request, presented, jkt, server, now)
        case RefreshTokenRequest():
            return await _refresh(grant_request, presented, jkt, server, now)
        case ClientCredentialsRequest():
            return await browserless_grants.grant_client_credentials(
                grant_request, presented, jkt, context, server, now
            )
        case IdentityAssertionRequest():
            return await browserless_grants.grant_identity_assertion(
                grant_request, presented, jkt, context, server, now
            )


async def _redeem(
    grant_request: AuthorizationCodeRequest,
    presented: PresentedClient,
    jkt: str | None,
    server: AuthorizationServer,
    now: datetime,
) -> Issue | Refuse:
    new_token = credentials.new_secret(REFRESH_TOKEN_PREFIX, server.entropy)

    def decide(client: Client | None, code: AuthorizationCode | None) -> CodeDecision:
        authenticated = client_authentication.authenticate(client, presented)
        if isinstance(authenticated, OAuthError):
            decision: CodeDecision = Refuse(authenticated)
        else:
            decision = authorization_code.decide(
                grant_request,
                authenticated,
                code,
                refresh_token=new_token,
                dpop_jkt=jkt,
                settings=server.settings,
                now=now,
            )
        # Record the refusal of a code under the attempt to connect that got consent.
        if isinstance(decision, Refuse) and code is not None:
            return replace(decision, flow_id=code.grant.flow_id)
        return decision

    return await server.store.grants.redeem_code(presented.client_id, grant_request.code, decide, now)


async def _refresh(
    grant_request: RefreshTokenRequest,
    presented: PresentedClient,
    jkt: str | None,
    server: AuthorizationServer,
    now: datetime,
) -> Issue | Refuse:
    new_token = credentials.new_secret(REFRESH_TOKEN_PREFIX, server.entropy)

    def decide(plain: str, client: Client | None, stored: RefreshToken | None) -> RefreshDecision:
        authenticated = client_authentication.authenticate(client, presented)
        if isinstance(authenticated, OAuthError):
            return Refuse(authenticated)
        return refresh_token.decide(
            grant_request,
            authenticated,
            plain,
            stored,
            successor=new_token,
            dpop_jkt=jkt,
            settings=server.settings,
            now=now,
        )

    decision = await server.store.grants.refresh(presented.client_id, grant_request.refresh_token, decide, now)
    if isinstance(decision, Refuse):
        return decision
    # D-13: a user who lost the role or the account loses the grant as well. An outage here loses nothing: the client
    # repeats the request, and the retry is idempotent (D-8).
    status = await server.resource_owners.standing(decision.grant.subject)
    resource = server.resources.get(decision.grant.resource)
    if not status.active or resource is None or not resource.admits(status.role):
        not_permitted = invalid_grant(
            "The person may no longer use this resource.", reason=ReasonCode.RESOURCE_OWNER_NOT_PERMITTED
        )
        return Refuse(not_permitted, revoke=decision.grant)
    if not resource.is_assured(decision.grant.acr, has_factor=status.has_factor):
        too_weak = invalid_grant(
            "This needs a new sign-in with a second factor.", reason=ReasonCode.SECOND_FACTOR_REQUIRED
        )
        return Refuse(too_weak, revoke=decision.grant)
    return decision


def _token_response(issue: Issue, jkt: str | None, server: AuthorizationServer, now: datetime) -> dict[str, object]:
    """The body of a token response (OAuth 2.1 §3.2.3).

    jkt: thumbprint of the key that the access token is bound to; None for a bearer token."""
    lifetime = server.settings.access_token_lifetime
    token_id = access_token.new_token_id(issue.generation, server.entropy)
    claims = access_token.claims(issue.grant, issue.scope, token_id, server.settings.issuer, now, lifetime, jkt)
    body: dict[str, object] = {
        "access_token": server.key_ring.sign(claims, now),
        "token_type": "Bearer" if jkt is None else "DPoP",
        "expires_in": int(lifetime.total_seconds()),
        "scope": to_text(issue.scope),
    }
    if issue.refresh_token is not None:
        body["refresh_token"] = issue.refresh_token
    return body


def _refuse(
    error: OAuthError, request: Request, server: AuthorizationServer, presented: PresentedClient | None = None
) -> Response:
    server.flow_recorder.record(
        context_of(request.scope),
        Step.TOKEN_ISSUED,
        client_id=None if presented is None else presented.client_id,
        reason=error.reason,
        error=error.code,
        description=error.description,
    )
    # The client id as recorded, not as sent: the sent one may be any text, even a secret.
    log.info("token_refused", error=error.code, reason=error.reason, client_id=context_of(request.scope).flow_client_id)
    return error_response(error, used_basic="authorization" in request.headers)
