"""The rules for clients that the operator registers, by command or in the configuration: a description in, a client
out."""

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

# The ids that are given here begin with it.
CLIENT_ID_PREFIX = "client_"
SECRETS = (ClientAuthenticationMethod.CLIENT_SECRET_BASIC, ClientAuthenticationMethod.CLIENT_SECRET_POST)


@dataclass(frozen=True, slots=True)
class ClientDescription:
    """What the operator says of a client.

    name: what people read on the consent page.
    redirect_uris: where answers may go.
    auth: how it authenticates.
    grants: what it may ask for tokens with.
    scope: its default scopes, separated by spaces; for a machine, the most that it can get.
    jwks: its public keys, a JWK Set as JSON.
    jwks_uri: the address of its public keys.
    introspects: identifiers of the resources whose tokens it may ask about.
    requires_pushed_requests: it has to push its authorization requests (RFC 9126).
    dpop_bound: its tokens are bound to its key (RFC 9449)."""

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


def client_of(
    client_id: ClientId,
    wanted: ClientDescription,
    resources: Resources,
    custom_redirects: Collection[str],
    now: datetime,
) -> Client:
    """The client, without a secret.

    resources: whose scopes it may have, and which it may introspect.
    custom_redirects: redirect URIs of known clients with a scheme of their own.
    Raises UnacceptableClient."""
    if wanted.auth is ClientAuthenticationMethod.NONE and not GRANTS_OF_PEOPLE.issuperset(wanted.grants):
        raise UnacceptableClient("client-credentials and jwt-bearer are for clients that authenticate: choose an auth.")
    if wanted.introspects and wanted.auth is ClientAuthenticationMethod.NONE:
        raise UnacceptableClient("A resource server has to authenticate: choose another auth.")
    if (wanted.jwks or wanted.jwks_uri) and wanted.auth is not ClientAuthenticationMethod.PRIVATE_KEY_JWT:
        raise UnacceptableClient("Keys and auth private_key_jwt belong together: give both or none.")
    if wanted.auth is ClientAuthenticationMethod.PRIVATE_KEY_JWT and not (wanted.jwks or wanted.jwks_uri):
        raise UnacceptableClient("private_key_jwt needs the client's public keys: a file of them, or their address.")
    if wanted.jwks_uri is not None and id_url.check(wanted.jwks_uri) is not None:
        raise UnacceptableClient("The address of the key set must be an https URL with a path.")
    unknown = [each for each in wanted.introspects if resources.get(each) is None]
    if unknown:
        known = ", ".join(resource.identifier for resource in resources)
        raise UnacceptableClient(f"{' '.join(unknown) or 'Nothing'} is not among the resources {known}.")
    strange = set(map(Scope, wanted.scope.split())) - resources.scopes
    if strange:
        raise UnacceptableClient(f"There is no scope {', '.join(sorted(strange))}.")
    metadata = _metadata(wanted, resources, custom_redirects)
    if isinstance(metadata, OAuthError):
        raise UnacceptableClient(metadata.description)
    return Client(
        client_id=client_id,
        registration=Registration.PREREGISTERED,
        name=metadata.name,
        redirect_uris=metadata.redirect_uris,
        authentication_method=wanted.auth,
        secret_digest=None,
        grant_types=metadata.grant_types if wanted.grants else frozenset(),
        scope=metadata.scope,
        created_at=now,
        jwks=wanted.jwks,
        introspects=frozenset(map(ResourceIndicator, wanted.introspects)),
        jwks_uri=wanted.jwks_uri,
        requires_pushed_requests=wanted.requires_pushed_requests,
        dpop_bound=wanted.dpop_bound,
    )


def read_jwks(path: Path) -> str:
    """A JWK Set with a key that can be used here. ValueError says what is wrong with it."""
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


def _metadata(
    wanted: ClientDescription, resources: Resources, custom_redirects: Collection[str]
) -> ClientMetadata | OAuthError:
    """By the rules for everybody, with more to choose from. A resource server that asks for no tokens has no grants."""
    described: dict[str, object] = {
        "client_name": wanted.name,
        "redirect_uris": list(wanted.redirect_uris),
        "token_endpoint_auth_method": str(wanted.auth),
        "grant_types": list(map(str, wanted.grants or {GrantType.CLIENT_CREDENTIALS})),
        "scope": wanted.scope,
    }
    return client_metadata.parse(
        described,
        resources.scopes,
        (*REGISTRABLE_METHODS, ClientAuthenticationMethod.PRIVATE_KEY_JWT),
        frozenset(GrantType),
        custom_redirects,
    )
