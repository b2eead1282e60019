"""JWT access tokens of RFC 9068: what is minted, and what is required back (D-5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oauth import credentials
from oauth.credentials import Entropy
from oauth.models import Grant
from oauth.scope import to_text
from oauth.vocabulary import OFFLINE_ACCESS, ClientId, GrantId, ResourceIndicator, Scope, Subject

TYPE = "at+jwt"
ALGORITHM = "ES256"

_STRINGS = ("iss", "sub", "aud", "client_id", "scope", "jti", "gid", "acr")
_INSTANTS = ("iat", "exp", "auth_time")


def new_token_id(generation: int, entropy: Entropy) -> str:
    """A jti that also says with which refresh token of its grant it was minted: seeing the one is proof that
    the other reached the client (D-8)."""
    return credentials.new_secret(f"{generation}.", entropy)


def generation_of(token_id: str) -> int | None:
    """The generation inside a jti of ours."""
    generation, dot, _ = token_id.partition(".")
    return int(generation) if dot and generation.isascii() and generation.isdecimal() else None


def claims(
    grant: Grant, scope: frozenset[Scope], token_id: str, issuer: str, now: datetime, lifetime: timedelta
) -> dict[str, object]:
    """What is signed. Never email, phone or role; `offline_access` means nothing to a resource."""
    issued_at = int(now.timestamp())
    return {
        "iss": issuer,
        "sub": grant.subject,
        "aud": grant.resource,
        "client_id": grant.client_id,
        "scope": to_text(scope - {OFFLINE_ACCESS}),
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
        "jti": token_id,
        "gid": grant.grant_id,
        "auth_time": int(grant.auth_time.timestamp()),
        "acr": grant.acr,
    }


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token of ours, its signature and times already checked. Instants are seconds since 1970."""

    subject: Subject
    audience: ResourceIndicator
    client_id: ClientId
    scope: frozenset[Scope]
    token_id: str
    grant_id: GrantId
    issued_at: int
    expires_at: int
    auth_time: int
    acr: str


def read(claims: Mapping[str, Any]) -> AccessToken | str:
    """The required claims with their types (RFC 9068 §2.2), or the name of the first that is not as it should be."""
    for name in _STRINGS:
        if not isinstance(claims.get(name), str):
            return name
    for name in _INSTANTS:
        if type(claims.get(name)) is not int:
            return name
    return AccessToken(
        subject=claims["sub"],
        audience=claims["aud"],
        client_id=claims["client_id"],
        scope=frozenset(claims["scope"].split()),
        token_id=claims["jti"],
        grant_id=claims["gid"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        auth_time=claims["auth_time"],
        acr=claims["acr"],
    )
