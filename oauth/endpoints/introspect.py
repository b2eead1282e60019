"""POST /introspect (RFC 7662): validates access tokens for remote resource servers, which see no revocations."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import authenticated_client
from oauth.endpoints.shared.responses import error_response, json_response
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.request_context import context_of
from oauth.jose import jws
from oauth.protocol import access_token
from oauth.protocol.access_token import GRANT_TYPE_CLAIM, AccessToken
from oauth.protocol.errors import OAuthError, invalid_client, invalid_request
from oauth.protocol.models import Client, ClientAuthenticationMethod, GrantType
from oauth.protocol.scope import to_text

log = structlog.get_logger()


async def introspect(request: Request, server: AuthorizationServer) -> Response:
    """A form with `token` → what the token says, or `active: false` and nothing else (§2.2).

    A caller learns about tokens for the resources that it is registered for, and about its own. Any other token gets
    the answer for an unknown one. Refresh tokens are never active here: resource servers never receive them."""
    authorization = request.headers.get("authorization")
    found = await authenticated_client.authenticate_client(request, server, server.resource_servers.client)
    if isinstance(found, OAuthError):
        return _refuse(found, authorization)
    params, client = found
    if client.authentication_method is ClientAuthenticationMethod.NONE:
        # §2.1: the caller has to be authorized, and anyone can send the id of a public client.
        return _refuse(
            invalid_client("Introspection is for clients that authenticate.", ReasonCode.PUBLIC_CLIENT), authorization
        )
    if client.introspects:
        context_of(request.scope).serve_uncounted()
    token = params.get("token")
    if token is None:
        return _refuse(invalid_request("token is required.", reason=ReasonCode.TOKEN_MISSING), authorization)
    unverified = _read_unverified(token, server)
    # §4: make every check that the resource itself makes.
    if (
        unverified is None
        or not _may_introspect(client, unverified)
        or not await server.confirms(token, unverified.audience)
    ):
        return json_response({"active": False})
    return json_response(_introspection_response(unverified, server))


def _read_unverified(token: str, server: AuthorizationServer) -> AccessToken | None:
    """The claims of an access token that names this server as its issuer; its signature is not verified."""
    unverified = jws.read(token)
    if isinstance(unverified, str) or unverified.type != access_token.TYPE:
        return None
    if unverified.claims.get("iss") != server.settings.issuer:
        return None
    claims = access_token.read(unverified.claims)
    return None if isinstance(claims, str) else claims


def _may_introspect(client: Client, token: AccessToken) -> bool:
    return token.audience in client.introspects or token.client_id == client.client_id


def _introspection_response(token: AccessToken, server: AuthorizationServer) -> dict[str, object]:
    return {
        "active": True,
        "iss": server.settings.issuer,
        "sub": token.subject,
        "aud": token.audience,
        "client_id": token.client_id,
        "scope": to_text(token.scope),
        "iat": token.issued_at,
        "exp": token.expires_at,
        "jti": token.token_id,
        **({GRANT_TYPE_CLAIM: GrantType.CLIENT_CREDENTIALS} if token.is_of_machine else {"acr": token.acr}),
        **({} if token.jkt is None else {"cnf": {"jkt": token.jkt}}),
        "token_type": "Bearer" if token.jkt is None else "DPoP",
    }


def _refuse(error: OAuthError, authorization: str | None) -> Response:
    log.info("introspection_refused", error=error.code, reason=error.reason)
    return error_response(error, used_basic=authorization is not None)
