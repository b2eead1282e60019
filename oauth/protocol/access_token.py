"""JWT access tokens of RFC 9068: what is minted, and what is required back (D-5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oauth.foundation import credentials
from oauth.foundation.credentials import Entropy
from oauth.foundation.vocabulary import OFFLINE_ACCESS, ClientId, GrantId, ResourceIndicator, Scope, Subject
from oauth.protocol.models import Grant, GrantType
from oauth.protocol.scope import to_text

TYPE = "at+jwt"
ALGORITHM = "ES256"

_STRINGS = ("iss", "sub", "aud", "client_id", "scope", "jti", "gid")
_INSTANTS = ("iat", "exp")
# What marks the token of a client that acts for itself: there is no standard claim, this is a widespread one.
GRANT_TYPE_CLAIM = "gty"


def new_token_id(generation: int, entropy: Entropy) -> str:
    """A jti that also says with which refresh token of its grant it was minted: seeing the one is proof that
    the other reached the client (D-8)."""
    return credentials.new_secret(f"{generation}.", entropy)


def generation_of(token_id: str) -> int | None:
    """The generation inside a jti of ours."""
    generation, dot, _ = token_id.partition(".")
    return int(generation) if dot and generation.isascii() and generation.isdecimal() else None


def claims(
    grant: Grant,
    scope: frozenset[Scope],
    token_id: str,
    issuer: str,
    now: datetime,
    lifetime: timedelta,
    jkt: str | None = None,
) -> dict[str, object]:
    """What is signed. Never email, phone or role; `offline_access` means nothing to a resource.

    jkt: thumbprint of the key that has to present it (RFC 9449 §6.1). A machine has not signed in: its token says
    instead that nobody did (STD-228)."""
    issued_at = int(now.timestamp())
    sign_in: dict[str, object] = (
        {GRANT_TYPE_CLAIM: str(GrantType.CLIENT_CREDENTIALS)}
        if grant.is_of_machine
        else {"auth_time": int(grant.auth_time.timestamp()), "acr": grant.acr}
    )
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
        **sign_in,
        **({} if jkt is None else {"cnf": {"jkt": jkt}}),
    }


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token of ours, its signature and times already checked. Instants are seconds since 1970.

    acr: empty for a machine, which is_of_machine says. jkt: thumbprint of the key that has to present it."""

    subject: Subject
    audience: ResourceIndicator
    client_id: ClientId
    scope: frozenset[Scope]
    token_id: str
    grant_id: GrantId
    issued_at: int
    expires_at: int
    acr: str
    is_of_machine: bool
    jkt: str | None = None


def read(claims: Mapping[str, Any]) -> AccessToken | str:
    """The required claims with their types (RFC 9068 §2.2), or the name of the first that is not as it should be."""
    for name in _STRINGS:
        if not isinstance(claims.get(name), str):
            return name
    for name in _INSTANTS:
        if type(claims.get(name)) is not int:
            return name
    is_of_machine = claims.get(GRANT_TYPE_CLAIM) == GrantType.CLIENT_CREDENTIALS
    # STD-81: a client is never taken for a person, nor a person for a client.
    if is_of_machine is not (claims["sub"] == claims["client_id"]):
        return "sub"
    if not is_of_machine and not isinstance(claims.get("acr"), str):
        return "acr"
    if not is_of_machine and type(claims.get("auth_time")) is not int:
        return "auth_time"
    jkt = _jkt(claims["cnf"]) if "cnf" in claims else None
    if "cnf" in claims and jkt is None:
        return "cnf"
    return AccessToken(
        subject=claims["sub"],
        audience=claims["aud"],
        client_id=claims["client_id"],
        scope=frozenset(claims["scope"].split()),
        token_id=claims["jti"],
        grant_id=claims["gid"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        acr="" if is_of_machine else claims["acr"],
        is_of_machine=is_of_machine,
        jkt=jkt,
    )


def _jkt(confirmation: Any) -> str | None:  # noqa: ANN401 - a claim
    """Of a confirmation that we understand whole; one that we do not is no reason to do without (RFC 7800 §3.1)."""
    jkt = confirmation.get("jkt") if isinstance(confirmation, dict) and len(confirmation) == 1 else None
    return jkt if isinstance(jkt, str) else None
