"""POST /register: dynamic client registration (RFC 7591), for clients that know no better way (D-19)."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth import client_metadata, credentials
from oauth.authorization_server import AuthorizationServer
from oauth.client_metadata import ClientMetadata
from oauth.credentials import CLIENT_SECRET_PREFIX, digest
from oauth.endpoints import throttle
from oauth.endpoints.body import read_body
from oauth.endpoints.responses import error_response, json_response
from oauth.endpoints.throttle import Wait
from oauth.errors import OAuthError, invalid_client_metadata
from oauth.models import Client, ClientAuthenticationMethod, Registration
from oauth.scope import to_text
from oauth.strict_json import parse_object
from oauth.vocabulary import ClientId, ErrorCode

log = structlog.get_logger()


async def register(request: Request, server: AuthorizationServer) -> Response:
    """JSON metadata → 201 with the registration in force; a secret is shown this once (§3.2.1)."""
    content_type = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    document = parse_object(await read_body(request)) if content_type == "application/json" else None
    if document is None:
        return _refused(
            invalid_client_metadata("The body must be a JSON object, sent as application/json.", reason="not_json")
        )
    metadata = client_metadata.parse(document, server.resources.scopes)
    if isinstance(metadata, OAuthError):
        return _refused(metadata)
    wait = await throttle.count_registration(request, server)
    if wait is not None:
        return _too_many(wait)
    secret = (
        None
        if metadata.authentication_method is ClientAuthenticationMethod.NONE
        else credentials.new_secret(CLIENT_SECRET_PREFIX, server.entropy)
    )
    client = _client(metadata, secret, server)
    await server.store.put_client(client)
    log.info("client_registered", client_id=client.client_id, name=client.name)
    return json_response(_document(client, secret), 201)


def _client(metadata: ClientMetadata, secret: str | None, server: AuthorizationServer) -> Client:
    now = server.clock()
    return Client(
        # Ours: never chosen by the client, never a URL (STD-132).
        client_id=ClientId(credentials.new_secret("client_", server.entropy)),
        registration=Registration.DYNAMIC,
        name=metadata.name,
        redirect_uris=metadata.redirect_uris,
        authentication_method=metadata.authentication_method,
        secret_digest=digest(secret) if secret is not None else None,
        grant_types=metadata.grant_types,
        scope=metadata.scope,
        created_at=now,
        expires_at=now + server.settings.unused_registration_lifetime,
    )


def _document(client: Client, secret: str | None) -> dict[str, object]:
    """Every value that is in force, and nothing that was dropped (§3.2.1)."""
    document: dict[str, object] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": client.authentication_method,
        "grant_types": sorted(client.grant_types),
        "response_types": ["code"],
    }
    if client.name is not None:
        document["client_name"] = client.name
    if client.scope:
        document["scope"] = to_text(client.scope)
    if secret is not None:
        # §3.2.1: zero means that it does not expire.
        document |= {"client_secret": secret, "client_secret_expires_at": 0}
    return document


def _too_many(wait: Wait) -> Response:
    """RFC 6585 §4; the body has the shape that clients of this endpoint read."""
    log.info("registration_refused", error=ErrorCode.TEMPORARILY_UNAVAILABLE, reason="registrations_exceeded")
    body = {
        "error": ErrorCode.TEMPORARILY_UNAVAILABLE,
        "error_description": f"Too many clients were registered from this address. Try again in {wait.seconds} s.",
    }
    return json_response(body, 429, {"Retry-After": str(wait.seconds)})


def _refused(error: OAuthError) -> Response:
    log.info("registration_refused", error=error.code, reason=error.reason)
    return error_response(error)
