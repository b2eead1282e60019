"""POST /revoke (RFC 7009)."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import authenticated_client
from oauth.endpoints.shared.responses import error_response, json_response
from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId
from oauth.jose import jws
from oauth.protocol import access_token
from oauth.protocol.errors import OAuthError, invalid_request

log = structlog.get_logger()


async def revoke(request: Request, server: AuthorizationServer) -> Response:
    """A form with `token` → 200, whether or not there was a token to revoke (§2.2).

    A refresh token ends its grant with every token of it; an access token ends alone (D-6). token_type_hint is ignored,
    since the two kinds differ in form. A token of another client is left alone, and the answer does not reveal that."""
    authorization = request.headers.get("authorization")
    found = await authenticated_client.authenticate_client(request, server)
    if isinstance(found, OAuthError):
        return _refuse(found, authorization)
    params, client = found
    token = params.get("token")
    if token is None:
        return _refuse(invalid_request("token is required.", reason=ReasonCode.TOKEN_MISSING), authorization)
    grant = await server.store.grants.of_refresh_token(digest(token))
    if grant is not None:
        if grant.client_id == client.client_id:
            await server.revoker.end_grant(grant, "revoked_by_client")
        return json_response({})
    token_id = _token_id(token, client.client_id, server)
    if token_id is not None:
        await server.revoker.end_access_token(token_id)
    return json_response({})


def _token_id(token: str, client_id: ClientId, server: AuthorizationServer) -> str | None:
    """The jti of an access token that was issued here to this client; None for any other token."""
    unverified = jws.read(token)
    if isinstance(unverified, str) or not server.key_ring.verifies(unverified, server.clock()):
        return None
    claims = access_token.read(unverified.claims)
    if isinstance(claims, str) or claims.client_id != client_id:
        return None
    return claims.token_id


def _refuse(error: OAuthError, authorization: str | None) -> Response:
    log.info("revocation_refused", error=error.code, reason=error.reason)
    return error_response(error, used_basic=authorization is not None)
