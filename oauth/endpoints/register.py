"""POST /register: dynamic client registration (RFC 7591), for clients that support no better way (D-19)."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared import throttle
from oauth.endpoints.shared.body import read_body
from oauth.endpoints.shared.responses import error_response, json_response
from oauth.foundation import credentials
from oauth.foundation.credentials import CLIENT_SECRET_PREFIX, REGISTRATION_TOKEN_PREFIX, digest
from oauth.foundation.reason_codes import Reason, ReasonCode
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import ClientId, Digest, ErrorCode, Step
from oauth.jose.strict_json import parse_object
from oauth.protocol import reserved_redirects
from oauth.protocol.clients import metadata as client_metadata
from oauth.protocol.clients import registration as client_registration
from oauth.protocol.clients.metadata import ClientMetadata
from oauth.protocol.clients.registration import DisclosedSecrets
from oauth.protocol.errors import OAuthError, invalid_client_metadata, too_many_requests
from oauth.protocol.models import Client, ClientAuthenticationMethod
from oauth.protocol.settings import RegistrationPolicy

log = structlog.get_logger()


async def register(request: Request, server: AuthorizationServer) -> Response:
    """JSON metadata → 201 with the registration in force. Secret and registration token are shown only once (§3.2.1).

    A public client that is already registered from the same network gets its existing registration."""
    policy = server.settings.registration
    if not _may_register(request, policy):
        return answer_unauthorized(
            ReasonCode.INITIAL_ACCESS_TOKEN, "Registration needs an initial access token.", request, server
        )
    metadata = await read_metadata(request, server)
    if isinstance(metadata, OAuthError):
        return refuse_registration(metadata, request, server)
    # RFC 7591 §5: registrations wait for one another, so that a flood of them delays no token requests.
    async with server.registering.turn():
        return await _register(metadata, request, server)


async def read_metadata(request: Request, server: AuthorizationServer) -> ClientMetadata | OAuthError:
    """The metadata in the body, by the rules for clients that register themselves."""
    document = await read_document(request)
    return document if isinstance(document, OAuthError) else parse_metadata(document, server)


async def read_document(request: Request) -> dict[str, object] | OAuthError:
    """The body as a JSON object; invalid_client_metadata for anything else."""
    content_type = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    document = parse_object(await read_body(request)) if content_type == "application/json" else None
    if document is None:
        return invalid_client_metadata(
            "The body must be a JSON object, sent as application/json.", reason=ReasonCode.NOT_JSON
        )
    return document


def parse_metadata(document: dict[str, object], server: AuthorizationServer) -> ClientMetadata | OAuthError:
    """The metadata in force, or why such a client cannot be registered here."""
    known = server.known_clients
    metadata = client_metadata.parse(document, server.resources.scopes, custom_redirects=known.custom_redirects)
    if isinstance(metadata, OAuthError):
        return metadata
    reserved = reserved_redirects.check(metadata.redirect_uris, None, known.vendors)
    if reserved is not None:
        return reserved
    refusal = client_registration.check_hosts(metadata, server.settings.registration.redirect_hosts)
    return metadata if refusal is None else refusal


async def new_secret(metadata: ClientMetadata, server: AuthorizationServer) -> tuple[str | None, Digest | None]:
    """A new secret and its stored digest; both are None for a client that does not authenticate."""
    if metadata.authentication_method is ClientAuthenticationMethod.NONE:
        return None, None
    secret = credentials.new_secret(CLIENT_SECRET_PREFIX, server.entropy)
    return secret, await server.client_secrets.hashed(secret)


def bearer_token(request: Request) -> str | None:
    """The bearer token (RFC 6750 §2.1); None unless there is exactly one Authorization header, and it carries one."""
    sent = request.headers.getlist("authorization")
    scheme, _, token = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
    return token.strip() or None if scheme.lower() == "bearer" else None


def answer_unauthorized(reason: Reason, description: str, request: Request, server: AuthorizationServer) -> Response:
    """401: the token that a registration needs is missing or invalid (RFC 7591 §3, RFC 7592 §2)."""
    log.info("registration_refused", error=ErrorCode.INVALID_TOKEN, reason=reason)
    server.flow_recorder.record(
        context_of(request.scope),
        Step.REGISTERED,
        reason=reason,
        error=ErrorCode.INVALID_TOKEN,
        description=description,
    )
    body = {"error": ErrorCode.INVALID_TOKEN, "error_description": description}
    challenge = 'Bearer realm="registration"'
    # RFC 6750 §3.1: no error code where the request has no credentials.
    if request.headers.get("authorization"):
        challenge = f'{challenge}, error="{ErrorCode.INVALID_TOKEN}"'
    return json_response(body, 401, {"WWW-Authenticate": challenge})


async def _register(metadata: ClientMetadata, request: Request, server: AuthorizationServer) -> Response:
    policy = server.settings.registration
    expires_at = server.clock() + policy.unused_lifetime
    registered_as = client_registration.fingerprint(metadata, context_of(request.scope).client_network)
    if registered_as is not None:
        known = await server.store.clients.renew_registration(registered_as, expires_at)
        if known is not None:
            return _answer_registered(known, DisclosedSecrets(), request, server, is_new=False)
    wait = await throttle.count_registration(request, server)
    if wait is not None:
        description = "Too many clients were registered from this address."
        return refuse_registration(
            too_many_requests(description, ReasonCode.REGISTRATIONS_EXCEEDED, wait.seconds), request, server
        )
    secret, secret_digest = await new_secret(metadata, server)
    registration_token = credentials.new_secret(REGISTRATION_TOKEN_PREFIX, server.entropy)
    # RFC 7591 §3.2.1: this server chooses the id. Ours: it is unguessable and never a URL, which would name a document.
    client_id = ClientId(credentials.new_secret("client_", server.entropy))
    now = server.clock()
    client = client_registration.new_client(
        metadata, client_id, secret_digest, registration_token, registered_as, now, policy.unused_lifetime
    )
    added = await server.store.clients.register(client, policy.unused, now - policy.spared_for)
    if added is None:
        seconds = int(policy.spared_for.total_seconds())
        description = "Too many unused clients are registered."
        return refuse_registration(
            too_many_requests(description, ReasonCode.REGISTRATIONS_FULL, seconds), request, server
        )
    if added.client_id != client_id:
        # A concurrent request registered the same client first.
        return _answer_registered(added, DisclosedSecrets(), request, server, is_new=False)
    return _answer_registered(added, DisclosedSecrets(secret, registration_token), request, server, is_new=True)


def _may_register(request: Request, policy: RegistrationPolicy) -> bool:
    if not policy.initial_access_tokens:
        return True
    token = bearer_token(request)
    return token is not None and digest(token) in policy.initial_access_tokens


def _answer_registered(
    client: Client, disclosed: DisclosedSecrets, request: Request, server: AuthorizationServer, *, is_new: bool
) -> Response:
    server.flow_recorder.record(context_of(request.scope), Step.REGISTERED, client_id=client.client_id)
    log.info("client_registered", client_id=client.client_id, name=client.name, is_new=is_new)
    return json_response(client_registration.document(client, disclosed, server.settings.issuer), 201)


def refuse_registration(error: OAuthError, request: Request, server: AuthorizationServer) -> Response:
    """The response for metadata that cannot be registered; logs and records the refusal."""
    log.info("registration_refused", error=error.code, reason=error.reason)
    server.flow_recorder.record(
        context_of(request.scope), Step.REGISTERED, reason=error.reason, error=error.code, description=error.description
    )
    return error_response(error)
