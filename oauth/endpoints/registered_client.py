"""/register/{client_id}: a client reads, changes and deletes its own registration (RFC 7592)."""

import hmac

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.register import (
    answer_unauthorized,
    bearer_token,
    new_secret,
    parse_metadata,
    read_document,
    refuse_registration,
)
from oauth.endpoints.shared.responses import json_response
from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId, ErrorCode
from oauth.protocol.clients import registration as client_registration
from oauth.protocol.clients.authentication import is_client_id
from oauth.protocol.clients.registration import DisclosedSecrets
from oauth.protocol.errors import OAuthError, invalid_client_metadata
from oauth.protocol.models import Client

log = structlog.get_logger()

# §2.2: fields that the server sets, which the client must not send.
_SERVER_FIELDS = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


async def show(request: Request, server: AuthorizationServer) -> Response:
    """§2.1 → 200 with the registration in force, without its secret: only a digest of that is stored."""
    client = await _find_managed_client(request, server)
    return client if isinstance(client, Response) else _answer_registration(client, None, request, server)


async def change(request: Request, server: AuthorizationServer) -> Response:
    """§2.2: the metadata in the body replaces the registered metadata, by the rules of a new registration."""
    client = await _find_managed_client(request, server)
    if isinstance(client, Response):
        return client
    document = await read_document(request)
    if isinstance(document, OAuthError):
        return refuse_registration(document, request, server)
    error = await _check_repeated_fields(document, client, server)
    if error is not None:
        return refuse_registration(error, request, server)
    metadata = parse_metadata(document, server)
    if isinstance(metadata, OAuthError):
        return refuse_registration(metadata, request, server)
    secret, secret_digest = (None, None) if client.secret_digest else await new_secret(metadata, server)
    changed = client_registration.changed_client(client, metadata, secret_digest)
    if not await server.store.clients.change_registration(changed, digest(bearer_token(request) or "")):
        # The client was disabled, shared or removed since it was read.
        return _refuse_token(request, server)
    log.info("registration_changed", client_id=client.client_id)
    return _answer_registration(changed, secret, request, server)


async def remove(request: Request, server: AuthorizationServer) -> Response:
    """§2.3 → 204. Ends the grants and tokens of the client as well, on every node."""
    client = await _find_managed_client(request, server)
    if isinstance(client, Response):
        return client
    await server.revoker.end_client(client.client_id, remove=True)
    log.info("registration_removed", client_id=client.client_id)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


async def _find_managed_client(request: Request, server: AuthorizationServer) -> Client | Response:
    """The client that the registration token manages. The refusal does not reveal whether the client exists."""
    client_id = request.path_params["client_id"]
    client = await server.store.clients.get(ClientId(client_id)) if is_client_id(client_id) else None
    token = bearer_token(request)
    stored = None if client is None else client.registration_token_digest
    if client is None or token is None or stored is None or not hmac.compare_digest(digest(token), stored):
        return _refuse_token(request, server)
    if client.disabled_at is not None:
        log.info("registration_refused", reason=ReasonCode.CLIENT_DISABLED, client_id=client.client_id)
        body = {"error": ErrorCode.ACCESS_DENIED, "error_description": "The client has been switched off here."}
        return json_response(body, 403)
    return client


async def _check_repeated_fields(
    document: dict[str, object], client: Client, server: AuthorizationServer
) -> OAuthError | None:
    """The fields that only repeat what is registered (§2.2): the id, and the secret where it is sent."""
    if document.get("client_id") != client.client_id:
        return invalid_client_metadata("client_id must be the id of the client.", reason=ReasonCode.CLIENT_ID_DIFFERS)
    if any(name in document for name in _SERVER_FIELDS):
        return invalid_client_metadata(f"The body must not contain {', '.join(_SERVER_FIELDS)}.")
    secret = document.get("client_secret")
    if secret is None:
        return None
    stored = [] if client.secret_digest is None else [client.secret_digest]
    if not isinstance(secret, str) or await server.client_secrets.match(secret, stored) is None:
        return invalid_client_metadata("client_secret is not the client's.", reason=ReasonCode.CLIENT_SECRET_WRONG)
    return None


def _answer_registration(client: Client, secret: str | None, request: Request, server: AuthorizationServer) -> Response:
    # §3: the response repeats the registration token, as the request carried it.
    disclosed = DisclosedSecrets(secret=secret, registration_token=bearer_token(request))
    return json_response(client_registration.document(client, disclosed, server.settings.issuer))


def _refuse_token(request: Request, server: AuthorizationServer) -> Response:
    return answer_unauthorized(
        ReasonCode.REGISTRATION_TOKEN_WRONG, "The registration access token is missing or invalid.", request, server
    )
