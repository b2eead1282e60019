"""Clients that register themselves: what is kept of them, and what they are told (RFC 7591 §3.2.1, RFC 7592 §3)."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import ClientId, Digest
from oauth.protocol import redirect_uri
from oauth.protocol.clients.metadata import ClientMetadata
from oauth.protocol.errors import OAuthError, invalid_redirect_uri
from oauth.protocol.models import Client, ClientAuthenticationMethod, Registration
from oauth.protocol.scope import to_text

LOOPBACK = "localhost"


@dataclass(frozen=True, slots=True)
class DisclosedSecrets:
    """What is shown once and stored as a digest. Each is None where there is none, or nothing new."""

    secret: str | None = field(default=None, repr=False)
    registration_token: str | None = field(default=None, repr=False)


def check_hosts(metadata: ClientMetadata, admitted: frozenset[str] | None) -> OAuthError | None:
    """May a client register these redirects here? admitted: None for all."""
    if admitted is None:
        return None
    named = {LOOPBACK if redirect_uri.is_loopback(uri) else redirect_uri.host(uri) for uri in metadata.redirect_uris}
    if named <= admitted:
        return None
    return invalid_redirect_uri("Clients with this redirect URI cannot register here.", reason=ReasonCode.REDIRECT_HOST)


def fingerprint(metadata: ClientMetadata, network: str) -> Digest | None:
    """The same for the same metadata from the same source; None for a client with a secret, which is never the same.

    Ours: a client that registers at each connection (P-3) is one client."""
    if metadata.authentication_method is not ClientAuthenticationMethod.NONE:
        return None
    in_force = [
        list(metadata.redirect_uris),
        sorted(metadata.grant_types),
        to_text(metadata.scope),
        metadata.name,
        metadata.requires_pushed_requests,
        metadata.dpop_bound,
    ]
    return digest(f"registration {json.dumps([network, in_force])}")


def new_client(
    metadata: ClientMetadata,
    client_id: ClientId,
    secret_digest: Digest | None,
    registration_token: str,
    registered_as: Digest | None,
    now: datetime,
    unused_lifetime: timedelta,
) -> Client:
    """The client of a registration that nobody has used yet."""
    return Client(
        client_id=client_id,
        registration=Registration.DYNAMIC,
        name=metadata.name,
        redirect_uris=metadata.redirect_uris,
        authentication_method=metadata.authentication_method,
        secret_digest=secret_digest,
        grant_types=metadata.grant_types,
        scope=metadata.scope,
        created_at=now,
        expires_at=now + unused_lifetime,
        registration_token_digest=digest(registration_token),
        registered_as=registered_as,
        requires_pushed_requests=metadata.requires_pushed_requests,
        dpop_bound=metadata.dpop_bound,
    )


def changed_client(client: Client, metadata: ClientMetadata, secret_digest: Digest | None) -> Client:
    """The client with other metadata (RFC 7592 §2.2). secret_digest: of a new one, where it needs one and had none."""
    authenticates = metadata.authentication_method is not ClientAuthenticationMethod.NONE
    kept = client.secret_digest if secret_digest is None else secret_digest
    return replace(
        client,
        name=metadata.name,
        redirect_uris=metadata.redirect_uris,
        authentication_method=metadata.authentication_method,
        secret_digest=kept if authenticates else None,
        former_secret_digest=client.former_secret_digest if authenticates else None,
        grant_types=metadata.grant_types,
        scope=metadata.scope,
        registered_as=None,
        requires_pushed_requests=metadata.requires_pushed_requests,
        dpop_bound=metadata.dpop_bound,
    )


def document(client: Client, shown: DisclosedSecrets, issuer: str) -> dict[str, object]:
    """Every value that is in force, and nothing that was dropped (RFC 7591 §3.2.1)."""
    described: dict[str, object] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "redirect_uris": list(client.redirect_uris),
        "token_endpoint_auth_method": client.authentication_method,
        "grant_types": sorted(client.grant_types),
        "response_types": ["code"],
    }
    if client.name is not None:
        described["client_name"] = client.name
    if client.scope:
        described["scope"] = to_text(client.scope)
    if client.requires_pushed_requests:
        described["require_pushed_authorization_requests"] = True
    if client.dpop_bound:
        described["dpop_bound_access_tokens"] = True
    if shown.secret is not None:
        # RFC 7591 §3.2.1: zero means that it does not expire.
        described |= {"client_secret": shown.secret, "client_secret_expires_at": 0}
    if shown.registration_token is not None:
        described |= {
            "registration_access_token": shown.registration_token,
            "registration_client_uri": f"{issuer}/register/{client.client_id}",
        }
    return described
