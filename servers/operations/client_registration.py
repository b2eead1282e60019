"""Clients that the operator registers, by command or in the file: the same rules for both."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oauth.foundation.vocabulary import ClientId, Digest, ResourceIndicator, Scope
from oauth.jose import jwk_set
from oauth.protocol.clients import id_url
from oauth.protocol.clients import metadata as client_metadata
from oauth.protocol.clients.metadata import REGISTRABLE_METHODS, ClientMetadata
from oauth.protocol.errors import OAuthError
from oauth.protocol.models import GRANTS_OF_PEOPLE, Client, ClientAuthenticationMethod, GrantType, Registration
from oauth.protocol.resources import Resources

SECRETS = (ClientAuthenticationMethod.CLIENT_SECRET_BASIC, ClientAuthenticationMethod.CLIENT_SECRET_POST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator says of a client. secrets: hashes, the newer one first."""

    client_id: ClientId
    name: str
    redirect_uris: Sequence[str]
    auth: ClientAuthenticationMethod
    grants: Collection[GrantType]
    scope: str
    secrets: Sequence[Digest] = ()
    jwks: str | None = None
    jwks_uri: str | None = None
    introspects: Sequence[str] = ()
    requires_pushed_requests: bool = False
    dpop_bound: bool = False


def client_of(wanted: Wanted, resources: Resources, custom_redirects: Collection[str], now: datetime) -> Client:
    """The client. custom_redirects: of known clients. ValueError says in a sentence why there can be none like it."""
    if wanted.auth is ClientAuthenticationMethod.NONE and not GRANTS_OF_PEOPLE.issuperset(wanted.grants):
        raise ValueError("client-credentials and jwt-bearer are for clients that authenticate: choose an auth.")
    if wanted.introspects and wanted.auth is ClientAuthenticationMethod.NONE:
        raise ValueError("A resource server has to authenticate: choose another auth.")
    if (wanted.jwks or wanted.jwks_uri) and wanted.auth is not ClientAuthenticationMethod.PRIVATE_KEY_JWT:
        raise ValueError("Keys and auth private_key_jwt belong together: give both or none.")
    if wanted.auth is ClientAuthenticationMethod.PRIVATE_KEY_JWT and not (wanted.jwks or wanted.jwks_uri):
        raise ValueError("private_key_jwt needs the client's public keys: a file of them, or their address.")
    if wanted.jwks_uri is not None and id_url.check(wanted.jwks_uri) is not None:
        raise ValueError("The address of the key set must be an https URL with a path.")
    unknown = [each for each in wanted.introspects if resources.get(each) is None]
    if unknown:
        known = ", ".join(resource.identifier for resource in resources)
        raise ValueError(f"{' '.join(unknown) or 'Nothing'} is not among the resources {known}.")
    strange = set(map(Scope, wanted.scope.split())) - resources.scopes
    if strange:
        raise ValueError(f"There is no scope {', '.join(sorted(strange))}.")
    metadata = _metadata(wanted, resources, custom_redirects)
    if isinstance(metadata, OAuthError):
        raise ValueError(metadata.description)  # noqa: TRY004 - a value is wrong
    newer, former = (*wanted.secrets, None, None)[:2]
    return Client(
        client_id=wanted.client_id,
        registration=Registration.PREREGISTERED,
        name=metadata.name,
        redirect_uris=metadata.redirect_uris,
        authentication_method=wanted.auth,
        secret_digest=newer,
        grant_types=metadata.grant_types if wanted.grants else frozenset(),
        scope=metadata.scope,
        created_at=now,
        jwks=wanted.jwks,
        former_secret_digest=former,
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


def _metadata(wanted: Wanted, resources: Resources, custom_redirects: Collection[str]) -> ClientMetadata | OAuthError:
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
