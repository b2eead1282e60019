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

# §2.2: what the server says of a registration is not for the client to say.
_NOT_TO_BE_SENT = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


async def show(request: Request, server: AuthorizationServer) -> Response:
    """§2.1 → 200 with what is in force. Secrets are not known here any more, so they are not in it."""
    client = await _managed(request, server)
    return client if isinstance(client, Response) else _in_force(client, None, request, server)


async def change(request: Request, server: AuthorizationServer) -> Response:
    """§2.2: the metadata in the body replaces all that there was, by the rules of a new registration."""
    client = await _managed(request, server)
    if isinstance(client, Response):
        return client
    document = await read_document(request)
    if isinstance(document, OAuthError):
        return refuse_registration(document, request, server)
    wrong = await _check_own_words(document, client, server)
    if wrong is not None:
        return refuse_registration(wrong, request, server)
    metadata = parse_metadata(document, server)
    if isinstance(metadata, OAuthError):
        return refuse_registration(metadata, request, server)
    secret, secret_digest = (None, None) if client.secret_digest else await new_secret(metadata, server)
    changed = client_registration.changed_client(client, metadata, secret_digest)
    if not await server.store.clients.change_registration(changed, digest(bearer_token(request) or "")):
        # It was switched off, shared or removed while we looked.
        return _not_its_token(request, server)
    log.info("registration_changed", client_id=client.client_id)
    return _in_force(changed, secret, request, server)


async def remove(request: Request, server: AuthorizationServer) -> Response:
    """§2.3 → 204; its grants and tokens end with it, on every node (STD-137)."""
    client = await _managed(request, server)
    if isinstance(client, Response):
        return client
    await server.revoker.end_client(client.client_id, remove=True)
    log.info("registration_removed", client_id=client.client_id)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


async def _managed(request: Request, server: AuthorizationServer) -> Client | Response:
    """The client that the token manages; of any other nothing is said, not even that there is one (STD-135)."""
    named = request.path_params["client_id"]
    client = await server.store.clients.get(ClientId(named)) if is_client_id(named) else None
    token = bearer_token(request)
    stored = None if client is None else client.registration_token_digest
    if client is None or token is None or stored is None or not hmac.compare_digest(digest(token), stored):
        return _not_its_token(request, server)
    if client.disabled_at is not None:
        log.info("registration_refused", reason=ReasonCode.CLIENT_DISABLED, client_id=client.client_id)
        body = {"error": ErrorCode.ACCESS_DENIED, "error_description": "The client has been switched off here."}
        return json_response(body, 403)
    return client


async def _check_own_words(
    document: dict[str, object], client: Client, server: AuthorizationServer
) -> OAuthError | None:
    """What only repeats (§2.2): the id, and the secret if it is sent."""
    if document.get("client_id") != client.client_id:
        return invalid_client_metadata("client_id must be the id of the client.", reason=ReasonCode.CLIENT_ID_DIFFERS)
    if any(name in document for name in _NOT_TO_BE_SENT):
        return invalid_client_metadata(f"The body must not contain {', '.join(_NOT_TO_BE_SENT)}.")
    secret = document.get("client_secret")
    if secret is None:
        return None
    stored = [] if client.secret_digest is None else [client.secret_digest]
    if not isinstance(secret, str) or await server.client_secrets.match(secret, stored) is None:
        return invalid_client_metadata("client_secret is not the client's.", reason=ReasonCode.CLIENT_SECRET_WRONG)
    return None


def _in_force(client: Client, secret: str | None, request: Request, server: AuthorizationServer) -> Response:
    # §3: with the token that it has just shown.
    shown = DisclosedSecrets(secret=secret, registration_token=bearer_token(request))
    return json_response(client_registration.document(client, shown, server.settings.issuer))


def _not_its_token(request: Request, server: AuthorizationServer) -> Response:
    return answer_unauthorized(
        ReasonCode.REGISTRATION_TOKEN_WRONG, "The registration access token is missing or no good.", request, server
    )
