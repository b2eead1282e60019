"""POST /introspect (RFC 7662): is an access token good? For servers elsewhere, which hear of no revocations."""

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

    A caller learns of tokens for the resources that it was registered for, and of its own; of any other it hears the
    same as of one that never was. Refresh tokens are no resource server's business, so they are never active here."""
    authorization = request.headers.get("authorization")
    found = await authenticated_client.authenticate_client(request, server, server.resource_servers.client)
    if isinstance(found, OAuthError):
        return _refused(found, authorization)
    params, client = found
    if client.authentication_method is ClientAuthenticationMethod.NONE:
        # §2.1: the caller is authorized; whoever can say that it is this client is not.
        return _refused(
            invalid_client("Introspection is for clients that authenticate.", ReasonCode.PUBLIC_CLIENT), authorization
        )
    if client.introspects:
        context_of(request.scope).serve_uncounted()
    token = params.get("token")
    if token is None:
        return _refused(invalid_request("token is required.", reason=ReasonCode.TOKEN_MISSING), authorization)
    unproven = _unproven(token, server)
    # §4: every check that a resource of ours makes.
    if unproven is None or not _may_know(client, unproven) or not await server.confirms(token, unproven.audience):
        return json_response({"active": False})
    return json_response(_document(unproven, server))


def _unproven(token: str, server: AuthorizationServer) -> AccessToken | None:
    """What an access token says that says it is ours."""
    unverified = jws.read(token)
    if isinstance(unverified, str) or unverified.type != access_token.TYPE:
        return None
    if unverified.claims.get("iss") != server.settings.issuer:
        return None
    claims = access_token.read(unverified.claims)
    return None if isinstance(claims, str) else claims


def _may_know(client: Client, token: AccessToken) -> bool:
    return token.audience in client.introspects or token.client_id == client.client_id


def _document(token: AccessToken, server: AuthorizationServer) -> dict[str, object]:
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


def _refused(error: OAuthError, authorization: str | None) -> Response:
    log.info("introspection_refused", error=error.code, reason=error.reason)
    return error_response(error, used_basic=authorization is not None)
