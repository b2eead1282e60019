"""Identity assertion grants (ID-JAG, enterprise-managed authorization): an identity provider that the operator trusts
says that one of its people may be acted for by a client (draft-ietf-oauth-identity-assertion-authz-grant §4, §5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import Reason, ReasonCode, ReasonDetail, ReasonKind, claim_missing, within
from oauth.foundation.vocabulary import OFFLINE_ACCESS, ClientId, Digest, ResourceIndicator, Scope
from oauth.jose import jws
from oauth.jose.jws import UnverifiedToken, VerificationKey
from oauth.protocol import resource_indicator, scope
from oauth.protocol.errors import OAuthError, invalid_grant, invalid_scope, invalid_target
from oauth.protocol.models import Client
from oauth.protocol.resources import Resource, Resources, effective_scopes

GRANT_PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
TYPE = "oauth-id-jag+jwt"
LEEWAY = timedelta(seconds=30)
# Longer ones are no assertion of this moment; and so long is one remembered that was used.
MAX_LIFETIME = timedelta(hours=1)
_MAX_ID = 256
# STD-221: what would narrow the grant in a way that we do not understand.
_NOT_UNDERSTOOD = ("cnf", "authorization_details")


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An identity provider whose assertions count. resources: what its tokens may be for. jwks_uri: where its keys are;
    None: where its metadata says. private_network: whether its hosts may be on one. scopes: the most that it may give;
    None for all of a resource. clients: who may present them besides clients that are registered for the grant; a
    public one only if named here. provider: what Supabase calls it, whose people are then known by signing in with
    it."""

    issuer: str
    resources: frozenset[ResourceIndicator]
    jwks_uri: str | None = None
    private_network: bool = False
    scopes: frozenset[Scope] | None = None
    clients: frozenset[ClientId] = frozenset()
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityAssertion:
    """An assertion that holds, if it is the first of its id. known_as: the digest by which it is counted."""

    issuer: str
    subject: str
    resource: Resource
    scope: frozenset[Scope]
    auth_time: datetime
    known_as: Digest
    remembered_until: datetime


def issuer_of(assertion: str) -> str | None:
    """Who is said to have issued it; nothing of it is proven."""
    unverified = jws.read(assertion)
    issuer = None if isinstance(unverified, str) else unverified.claims.get("iss")
    return issuer if isinstance(issuer, str) else None


def check(
    assertion: str,
    client: Client,
    trusted: TrustedIssuer,
    keys: Sequence[VerificationKey],
    issuer: str,
    resources: Resources,
    now: datetime,
) -> IdentityAssertion | OAuthError:
    """Does the assertion hold for this client, here and now? issuer: ours, the one audience."""
    token = jws.read(assertion)
    if isinstance(token, str):
        return _refused(token)
    wrong = _check_claims(token, client, trusted, issuer, now)
    if wrong is not None:
        return _refused(wrong)
    if not jws.is_signed_by(token, keys):
        return _refused(ReasonCode.BAD_SIGNATURE)
    claims = token.claims
    resource = resources.get(resource_indicator.canonical(claims["resource"]))
    if resource is None:
        return invalid_target("The assertion is for a resource that is not here.")
    if resource.identifier not in trusted.resources:
        return invalid_target(
            "The identity provider may not give this resource.", reason=ReasonCode.RESOURCE_NOT_OF_ISSUER
        )
    allowed = _allowed(claims.get("scope"), resource, trusted)
    if isinstance(allowed, OAuthError):
        return allowed
    signed_in_at = claims.get("auth_time", claims["iat"])
    return IdentityAssertion(
        issuer=trusted.issuer,
        subject=claims["sub"],
        resource=resource,
        scope=allowed,
        auth_time=min(now, jws.instant(signed_in_at)),
        known_as=digest(f"identity assertion {trusted.issuer} {claims['jti']}"),
        remembered_until=jws.instant(claims["exp"]) + 4 * LEEWAY,
    )


def narrow_scope(
    asserted: IdentityAssertion, requested_scope: str | None, requested_resource: str | None
) -> frozenset[Scope] | OAuthError:
    """The scope of the token: what the assertion allows, or less if the request asks for less (STD-220)."""
    foreign = resource_indicator.check_granted(requested_resource, asserted.resource.identifier)
    if foreign is not None:
        return foreign
    if requested_scope is None:
        return asserted.scope
    asked = scope.parse(requested_scope)
    if isinstance(asked, OAuthError):
        return asked
    asked -= {OFFLINE_ACCESS}
    if not asked or not asked <= effective_scopes(asserted.scope):
        return invalid_scope("The assertion does not allow this scope.", reason=ReasonCode.SCOPE_WIDENED)
    return asked


def _check_claims(
    token: UnverifiedToken, client: Client, trusted: TrustedIssuer, issuer: str, now: datetime
) -> Reason | ReasonDetail | None:
    claims = token.claims
    if token.type is None or token.type.lower() not in {TYPE, f"application/{TYPE}"}:
        return ReasonCode.WRONG_TYPE
    if claims.get("iss") != trusted.issuer:
        return ReasonDetail.WRONG_ISSUER
    # STD-216: exactly one.
    if jws.sole_audience(claims) != issuer:
        return ReasonCode.WRONG_AUDIENCE
    if claims.get("client_id") != client.client_id:
        return ReasonDetail.OF_OTHER_CLIENT
    for name in ("sub", "jti", "resource"):
        # Ours: no database can be asked for what has a NUL in it.
        if not isinstance(claims.get(name), str) or not 0 < len(claims[name]) <= _MAX_ID or "\0" in claims[name]:
            return claim_missing(name)
    if not _is_second(claims, "iat") or not _is_second(claims, "auth_time", optional=True):
        return ReasonCode.IAT_MISSING
    untimely = jws.check_times(claims, now.timestamp(), LEEWAY.total_seconds())
    if untimely is not None:
        return untimely
    if jws.lives_too_long(claims, now.timestamp(), MAX_LIFETIME.total_seconds(), LEEWAY.total_seconds()):
        return ReasonDetail.LIVES_TOO_LONG
    if any(name in claims for name in _NOT_UNDERSTOOD):
        return ReasonDetail.NOT_UNDERSTOOD
    return None


def _is_second(claims: Mapping[str, Any], name: str, *, optional: bool = False) -> bool:
    if name not in claims:
        return optional
    return type(claims[name]) is int and 0 <= claims[name] < jws.END_OF_TIME


def _allowed(asserted: object, resource: Resource, trusted: TrustedIssuer) -> frozenset[Scope] | OAuthError:
    """What the assertion names, as far as it belongs to the resource and the operator lets this issuer give it."""
    named = resource.baseline if asserted is None else scope.parse(asserted) if isinstance(asserted, str) else None
    if named is None or isinstance(named, OAuthError):
        return invalid_grant(
            "The identity assertion is not good.", reason=ReasonCode.IDENTITY_ASSERTION_SCOPE_MALFORMED
        )
    allowed = frozenset(named & resource.scopes.keys())
    if trusted.scopes is not None:
        # STD-15: who may give a scope may give what it implies.
        allowed &= effective_scopes(trusted.scopes)
    if not allowed:
        return invalid_scope("The assertion allows no scope of the resource.", reason=ReasonCode.FOREIGN_SCOPE)
    return allowed


def _refused(reason: Reason | ReasonDetail) -> OAuthError:
    return invalid_grant("The identity assertion is not good.", reason=within(ReasonKind.IDENTITY_ASSERTION, reason))
