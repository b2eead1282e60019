"""private_key_jwt: a client proves itself with a token that it signed (RFC 7523 §3, OAuth 2.1 §2.4)."""

import json
from datetime import datetime, timedelta

from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import Reason, ReasonCode, ReasonDetail, ReasonKind, within
from oauth.foundation.vocabulary import Digest
from oauth.jose import jwk_set, jws
from oauth.jose.jws import UnverifiedToken
from oauth.protocol.errors import OAuthError, invalid_client, unknown_client
from oauth.protocol.models import Client, ClientAuthenticationMethod

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# STD-172: an assertion is for one request.
MAX_LIFETIME = timedelta(minutes=5)
LEEWAY = timedelta(seconds=30)
# A replay is known for one for as long as it could be taken for good.
REMEMBERED = MAX_LIFETIME + 4 * LEEWAY
_MAX_ID = 256
_BY_NO_KNOWN_KEY = ReasonCode.BAD_SIGNATURE
# Other kinds of token name themselves; an assertion need not (STD-165).
_TYPES = frozenset({None, "jwt", "client-authentication+jwt"})


def is_by_unknown_key(refused: OAuthError) -> bool:
    """Could it be good if the client had changed its keys?"""
    return refused.reason == within(ReasonKind.CLIENT_ASSERTION, _BY_NO_KNOWN_KEY)


def check(assertion: str, client: Client | None, issuer: str, now: datetime) -> Digest | OAuthError:
    """→ the digest by which the assertion is known, which has to be the first of its kind; or why it proves nothing.

    issuer: ours; it, the token endpoint or the one for pushed requests is the one audience (RFC 7523 §3, and its
    successor: the issuer; RFC 9126 §2)."""
    if client is None:
        return unknown_client()
    if client.authentication_method is not ClientAuthenticationMethod.PRIVATE_KEY_JWT:
        return invalid_client(
            "This is not the client's registered authentication method.", reason=ReasonCode.CLIENT_AUTHENTICATION_METHOD
        )
    token = jws.read(assertion)
    if isinstance(token, str):
        return _refused(token)
    wrong = _check_claims(token, client, issuer, now)
    if wrong is not None:
        return _refused(wrong)
    keys = jwk_set.usable_keys(json.loads(client.jwks)) or () if client.jwks is not None else ()
    if not jws.is_signed_by(token, keys):
        return _refused(_BY_NO_KNOWN_KEY)
    return digest(f"client assertion {client.client_id} {token.claims['jti']}")


def _check_claims(token: UnverifiedToken, client: Client, issuer: str, now: datetime) -> Reason | ReasonDetail | None:
    claims = token.claims
    if (token.type.lower() if token.type is not None else None) not in _TYPES:
        return ReasonCode.WRONG_TYPE
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        return ReasonDetail.NOT_THE_CLIENT
    if jws.sole_audience(claims) not in {issuer, f"{issuer}/token", f"{issuer}/par"}:
        return ReasonCode.WRONG_AUDIENCE
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_ID:
        return ReasonDetail.JTI_MISSING
    untimely = jws.check_times(claims, now.timestamp(), LEEWAY.total_seconds())
    if untimely is not None:
        return untimely
    if jws.lives_too_long(claims, now.timestamp(), MAX_LIFETIME.total_seconds(), LEEWAY.total_seconds()):
        return ReasonDetail.LIVES_TOO_LONG
    return None


def _refused(reason: Reason | ReasonDetail) -> OAuthError:
    return invalid_client("Client authentication failed.", reason=within(ReasonKind.CLIENT_ASSERTION, reason))
