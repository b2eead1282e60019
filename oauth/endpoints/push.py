"""POST /par (RFC 9126): takes an authorization request from the client; the browser then carries a reference to it."""

from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import authenticated_client, client_lookup, dpop_proof
from oauth.endpoints.shared.responses import error_response, json_response
from oauth.foundation import credentials
from oauth.foundation.credentials import PUSHED_REQUEST_PREFIX, digest
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import Step
from oauth.protocol import authorization_request, dpop, pushed_request, redirect_uri
from oauth.protocol.errors import OAuthError, unknown_client
from oauth.protocol.models import Client, PushedRequest
from oauth.protocol.parameters import Parameters

log = structlog.get_logger()


async def push(request: Request, server: AuthorizationServer) -> Response:
    """A form with the parameters of /authorize → 201 with a request_uri for them, which works once (§2.2).

    The client authenticates as at the token endpoint. A request that /authorize would refuse is refused here."""
    # A client whose id is a URL may be new here, since its connection starts with this request.
    find_client = partial(client_lookup.find_client, request=request, server=server)
    found = await authenticated_client.authenticate_client(request, server, find_client)
    if isinstance(found, OAuthError):
        return _refuse(found, request, server)
    params, client = found
    # The client is authenticated: record later refusals under its id.
    context_of(request.scope).flow_client_id = client.client_id
    proof = await dpop_proof.check_dpop_proof(request, server)
    if isinstance(proof, OAuthError):
        return _refuse(proof, request, server)
    if proof is not None:
        # RFC 9449 §10.1: the proof takes the place of dpop_jkt; one that differs is refused.
        error = dpop.check_key(params.get("dpop_jkt"), proof.jkt)
        if error is not None:
            return _refuse(error, request, server)
        params = {**params, "dpop_jkt": proof.jkt}
    query = pushed_request.query_of(params, client.client_id)
    if isinstance(query, OAuthError):
        return _refuse(query, request, server)
    error = _check_request(params, client, server)
    if error is not None:
        return _refuse(error, request, server)
    secret = credentials.new_secret(PUSHED_REQUEST_PREFIX, server.entropy)
    expires_at = server.clock() + pushed_request.LIFETIME
    flow_id = server.flow_recorder.flow_of(context_of(request.scope), Step.PUSHED, client.client_id)
    pushed = PushedRequest(digest(secret), client.client_id, query, expires_at, flow_id)
    if not await server.store.requests.push(pushed):
        return _refuse(unknown_client(), request, server)
    server.flow_recorder.record(context_of(request.scope), Step.PUSHED, client_id=client.client_id)
    body = {
        "request_uri": pushed_request.PREFIX + secret,
        "expires_in": int(pushed_request.LIFETIME.total_seconds()),
    }
    return json_response(body, 201)


def _check_request(params: Parameters, client: Client, server: AuthorizationServer) -> OAuthError | None:
    """The checks of /authorize, which repeats them because the client may have changed by then."""
    target = redirect_uri.match(client.redirect_uris, params.get("redirect_uri"), params.get("state"))
    if isinstance(target, OAuthError):
        return target
    validated = authorization_request.validate(params, client, server.resources)
    return validated if isinstance(validated, OAuthError) else None


def _refuse(error: OAuthError, request: Request, server: AuthorizationServer) -> Response:
    log.info("pushed_request_refused", error=error.code, reason=error.reason)
    server.flow_recorder.record(
        context_of(request.scope), Step.PUSHED, reason=error.reason, error=error.code, description=error.description
    )
    return error_response(error, used_basic="authorization" in request.headers)
