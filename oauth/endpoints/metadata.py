"""The discovery documents (RFC 8414, RFC 9728, RFC 7517)."""

from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.endpoints.shared.responses import json_response
from oauth.foundation.request_context import context_of
from oauth.foundation.vocabulary import Step
from oauth.key_ring import JWKS_MAX_AGE
from oauth.protocol import server_metadata
from oauth.protocol.resources import Resource

_MAX_AGE_SECONDS = 300


async def authorization_server_metadata(request: Request, server: AuthorizationServer) -> Response:
    """GET /.well-known/oauth-authorization-server and its OpenID alias."""
    server.flow_recorder.record(context_of(request.scope), Step.SERVER_METADATA)
    return _public_document(server_metadata.document(server.settings, server.resources), _MAX_AGE_SECONDS)


async def jwks(_: Request, server: AuthorizationServer) -> Response:
    """GET /.well-known/jwks.json: every key that a token may be signed with, including the next one."""
    return _public_document(server.key_ring.keys.jwks(server.clock()), int(JWKS_MAX_AGE.total_seconds()))


async def protected_resource_metadata(resource: Resource, request: Request, server: AuthorizationServer) -> Response:
    """GET /.well-known/oauth-protected-resource/{path} of one resource."""
    server.flow_recorder.record(context_of(request.scope), Step.RESOURCE_METADATA, resource=resource.path)
    return _public_document(resource.document(), _MAX_AGE_SECONDS)


def _public_document(document: dict[str, object], max_age: int) -> Response:
    return json_response(document, headers={"Cache-Control": f"public, max-age={max_age}"})
