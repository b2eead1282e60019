"""The rules for clients that the operator registers, by command or in the configuration."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oauth.foundation.vocabulary import ClientId, ResourceIndicator, Scope
from oauth.jose import jwk_set
from oauth.protocol.clients import id_url
from oauth.protocol.clients import metadata as client_metadata
from oauth.protocol.clients.metadata import REGISTRABLE_METHODS, ClientMetadata
from oauth.protocol.errors import OAuthError
from oauth.protocol.models import GRANTS_OF_PEOPLE, Client, ClientAuthenticationMethod, GrantType, Registration
from oauth.protocol.resources import Resources
from servers.operations.problems import UnacceptableClient

# The prefix of generated client ids.
CLIENT_ID_PREFIX = "client_"
SECRETS = (ClientAuthenticationMethod.CLIENT_SECRET_BASIC, ClientAuthenticationMethod.CLIENT_SECRET_POST)


@dataclass(frozen=True, slots=True)
class ClientDescription:
    """A client as the operator describes it.

    name: shown on the consent page.
    redirect_uris: where authorization responses may go.
    auth: how it authenticates.
    grants: the grant types that it may use.
    scope: its default scopes, separated by spaces; for a machine, the maximum.
    jwks: its public keys, a JWK Set as JSON.
    jwks_uri: the address of its public keys.
    introspects: identifiers of the resources whose tokens it may introspect (RFC 7662).
    requires_pushed_requests: whether it has to push its authorization requests (RFC 9126).
    dpop_bound: whether its tokens are bound to its key (RFC 9449)."""

    name: str
    redirect_uris: Sequence[str]
    auth: ClientAuthenticationMethod
    grants: Collection[GrantType]
    scope: str
    jwks: str | None = None
    jwks_uri: str | None = None
    introspects: Sequence[str] = ()
    requires_pushed_requests: bool = False
    dpop_bound: bool = False


def build_client(
    client_id: ClientId,
    description: ClientDescription,
    resources: Resources,
    custom_redirects: Collection[str],
    now: datetime,
) -> Client:
    """The client of a description, without a secret.

    resources: the resources that it may get scopes for and introspect.
    custom_redirects: redirect URIs of known clients with a scheme of their own.
    Raises UnacceptableClient."""
    if description.auth is ClientAuthenticationMethod.NONE and not GRANTS_OF_PEOPLE.issuperset(description.grants):
        raise UnacceptableClient("client-credentials and jwt-bearer are for clients that authenticate: choose an auth.")
    if description.introspects and description.auth is ClientAuthenticationMethod.NONE:
        raise UnacceptableClient("A resource server has to authenticate: choose another auth.")
    if (
        description.jwks or description.jwks_uri
    ) and description.auth is not ClientAuthenticationMethod.PRIVATE_KEY_JWT:
        raise UnacceptableClient("Keys and auth private_key_jwt belong together: give both or none.")
    if description.auth is ClientAuthenticationMethod.PRIVATE_KEY_JWT and not (
        description.jwks or description.jwks_uri
    ):
        raise UnacceptableClient("private_key_jwt needs the client's public keys: a file of them, or their address.")
    if description.jwks_uri is not None and id_url.check(description.jwks_uri) is not None:
        raise UnacceptableClient("The address of the key set must be an https URL with a path.")
    unknown = [each for each in description.introspects if resources.get(each) is None]
    if unknown:
        known = ", ".join(resource.identifier for resource in resources)
        raise UnacceptableClient(f"{' '.join(unknown) or 'The empty identifier'} is not among the resources {known}.")
    unknown_scopes = set(map(Scope, description.scope.split())) - resources.scopes
    if unknown_scopes:
        raise UnacceptableClient(f"There is no scope {', '.join(sorted(unknown_scopes))}.")
    metadata = _parse_metadata(description, resources, custom_redirects)
    if isinstance(metadata, OAuthError):
        raise UnacceptableClient(metadata.description)
    return Client(
        client_id=client_id,
        registration=Registration.PREREGISTERED,
        name=metadata.name,
        redirect_uris=metadata.redirect_uris,
        authentication_method=description.auth,
        secret_digest=None,
        grant_types=metadata.grant_types if description.grants else frozenset(),
        scope=metadata.scope,
        created_at=now,
        jwks=description.jwks,
        introspects=frozenset(map(ResourceIndicator, description.introspects)),
        jwks_uri=description.jwks_uri,
        requires_pushed_requests=description.requires_pushed_requests,
        dpop_bound=description.dpop_bound,
    )


def read_jwks(path: Path) -> str:
    """A JWK Set from a file, as JSON. Raises ValueError, whose message is a sentence, unless it has a usable key."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ValueError(f"{path} is not JSON.") from None
    if not jwk_set.usable_keys(document):
        algorithms = " or ".join(jwk_set.ALGORITHMS)
        raise ValueError(f"{path} has no public key for {algorithms}.")
    return json.dumps(document)


def _parse_metadata(
    description: ClientDescription, resources: Resources, custom_redirects: Collection[str]
) -> ClientMetadata | OAuthError:
    """Apply the rules for all clients, with more methods and grant types than clients can register themselves.

    The rules need a grant type, so a resource server that requests no tokens passes with one that is then dropped."""
    document: dict[str, object] = {
        "client_name": description.name,
        "redirect_uris": list(description.redirect_uris),
        "token_endpoint_auth_method": str(description.auth),
        "grant_types": list(map(str, description.grants or {GrantType.CLIENT_CREDENTIALS})),
        "scope": description.scope,
    }
    return client_metadata.parse(
        document,
        resources.scopes,
        (*REGISTRABLE_METHODS, ClientAuthenticationMethod.PRIVATE_KEY_JWT),
        frozenset(GrantType),
        custom_redirects,
    )
