"""What a client id metadata document has to say (draft-ietf-oauth-client-id-metadata-document §4, and MCP)."""

import json
from dataclasses import dataclass

from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Scope
from oauth.jose import jwk_set
from oauth.protocol import reserved_redirects
from oauth.protocol.clients import id_url
from oauth.protocol.clients import metadata as client_metadata
from oauth.protocol.clients.known import KnownClients
from oauth.protocol.clients.metadata import ClientMetadata
from oauth.protocol.errors import OAuthError, invalid_client_metadata
from oauth.protocol.models import ClientAuthenticationMethod

# STD-203: a document is public, so it can share no secret.
METHODS = (ClientAuthenticationMethod.NONE, ClientAuthenticationMethod.PRIVATE_KEY_JWT)
_SECRETS = ("client_secret", "client_secret_expires_at")


@dataclass(frozen=True, slots=True)
class PublishedClient:
    """metadata: in force. jwks: the document's own key set, as JSON; jwks_uri: where it is instead."""

    metadata: ClientMetadata
    jwks: str | None
    jwks_uri: str | None


def read(
    document: dict[str, object], url: str, known_scopes: frozenset[Scope], known: KnownClients
) -> PublishedClient | OAuthError:
    """A decoded document, found at a URL → the client that it describes."""
    # STD-202: by simple string comparison.
    if document.get("client_id") != url:
        return _refused("client_id in the document is not its URL.")
    if not isinstance(document.get("client_name"), str):
        return _refused("The document has no client_name.")
    if any(name in document for name in _SECRETS):
        return _refused("The document must not contain a client secret.")
    # What it says beyond our offers (a grant type of another protocol, say) is left out, not held against it.
    grants = document.get("grant_types")
    left = [grant for grant in grants if grant in _OFFERED] if isinstance(grants, list) else _OFFERED
    offered = {**client_metadata.without_null(document), "grant_types": left}
    offered.setdefault("token_endpoint_auth_method", str(ClientAuthenticationMethod.NONE))
    metadata = client_metadata.parse(offered, known_scopes, METHODS, custom_redirects=known.custom_redirects)
    if isinstance(metadata, OAuthError):
        return metadata
    reserved = reserved_redirects.check(metadata.redirect_uris, id_url.host(url), known.vendors)
    if reserved is not None:
        return reserved
    jwks, jwks_uri = document.get("jwks"), document.get("jwks_uri")
    if metadata.authentication_method is not ClientAuthenticationMethod.PRIVATE_KEY_JWT:
        return PublishedClient(metadata, None, None)
    if jwks is not None:
        if not jwk_set.usable_keys(jwks):
            return _refused("jwks has no key that can be used here.")
        return PublishedClient(metadata, json.dumps(jwks), None)
    if not isinstance(jwks_uri, str) or id_url.check(jwks_uri) is not None:
        return _refused("private_key_jwt needs jwks, or jwks_uri with an https URL.")
    return PublishedClient(metadata, None, jwks_uri)


_OFFERED = ["authorization_code", "refresh_token"]


def _refused(description: str) -> OAuthError:
    return invalid_client_metadata(description, reason=ReasonCode.CLIENT_DOCUMENT_REFUSED)
