"""Proof of possession (RFC 9449): a client shows with each request that it holds the key that its token is bound to."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from oauth.foundation import base64url, credentials
from oauth.foundation.credentials import digest
from oauth.foundation.reason_codes import Reason, ReasonCode, ReasonDetail, ReasonKind, within
from oauth.foundation.vocabulary import Digest
from oauth.jose import jwk_set, jws
from oauth.protocol.errors import OAuthError, invalid_dpop_proof, invalid_request

HEADER = "DPoP"
TYPE = "dpop+jwt"
ALGORITHMS = jwk_set.ALGORITHMS
# §4.3, item 11: a proof is made for one request, now.
_OLDEST, _AHEAD = timedelta(seconds=60), timedelta(seconds=30)
# STD-187: longer than a proof can be taken for fresh, whichever clock is behind.
REMEMBERED = _OLDEST + 3 * _AHEAD
# §8: a nonce is good for this long, and for as long again.
NONCE_SLOT = timedelta(seconds=60)
_MAX_ID = 256
_THUMBPRINT = 43  # characters of base64url: SHA-256
# RFC 7638 §3.2
_MEMBERS: Mapping[str, tuple[str, ...]] = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


REQUIRED = invalid_dpop_proof("This client has to prove that it holds its key.", reason=ReasonCode.DPOP_REQUIRED)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds, if it is the first of its id. jkt: thumbprint of its key. known_as: what it is counted by."""

    jkt: str
    known_as: Digest
    nonce: str | None


def check(
    sent: Sequence[str], method: str, url: str, now: datetime, access_token: str | None = None
) -> Proof | OAuthError:
    """Do the headers of a request hold one good proof for it?

    url: our public address of what was asked, whatever Host says. access_token: the one that was presented with it, at
    a resource. Source: §4.3; error `invalid_dpop_proof` for whatever is wrong."""
    if len(sent) != 1:
        return invalid_dpop_proof("There must be one DPoP header.", reason=ReasonCode.DPOP_HEADER_COUNT)
    token = jws.read(sent[0], with_key=True)
    if isinstance(token, str):
        return _refused(token)
    if token.type is None or token.type.lower() != TYPE:
        return _refused(ReasonCode.WRONG_TYPE)
    jwk = token.jwk or {}
    key = jwk_set.usable_key(jwk)
    if key is None or not key.verifies(token):
        return _refused(ReasonCode.BAD_SIGNATURE)
    wrong = _check_claims(token.claims, method, url, now, access_token)
    if wrong is not None:
        return _refused(wrong)
    jkt, nonce = thumbprint(jwk), token.claims.get("nonce")
    return Proof(jkt, digest(f"dpop {jkt} {token.claims['jti']}"), nonce if isinstance(nonce, str) else None)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Of a public key that `jwk_set` accepts (RFC 7638 §3)."""
    members = {name: jwk[name] for name in _MEMBERS[jwk["kty"]]}
    return base64url.encode(sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def validate_thumbprint(jkt: str | None) -> str | OAuthError | None:
    """The `dpop_jkt` of an authorization request (§10): what binds its code to a key."""
    if jkt is None or (len(jkt) == _THUMBPRINT and jkt.isascii() and jkt.replace("-", "").replace("_", "").isalnum()):
        return jkt
    return invalid_request("dpop_jkt is not a JWK thumbprint.", reason=ReasonCode.DPOP_JKT_MALFORMED)


def check_key(bound_to: str | None, proof_jkt: str | None) -> OAuthError | None:
    """Is the proof by the key that a code or refresh token is bound to? (§5, §10)"""
    if bound_to is None or bound_to == proof_jkt:
        return None
    return invalid_dpop_proof("The key is not the one that this is bound to.", reason=ReasonCode.DPOP_KEY_DIFFERS)


class Nonces:
    """Nonces that any node can check, and none has to keep (§8). secrets: the root secrets; the first makes them."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [credentials.derive(secret, b"mcp-auth dpop nonce v1") for secret in secrets]

    def current(self, now: datetime) -> str:
        """What clients are told to put into their proofs."""
        return _nonce(self._keys[0], _slot(now))

    def are_good(self, nonce: str | None, now: datetime) -> bool:
        """Is it the current one, or the one before?"""
        if nonce is None or not nonce.isascii():
            return False
        slots = (_slot(now), _slot(now) - 1)
        return any(hmac.compare_digest(nonce, _nonce(key, slot)) for key in self._keys for slot in slots)


def _check_claims(
    claims: Mapping[str, Any], method: str, url: str, now: datetime, access_token: str | None
) -> Reason | ReasonDetail | None:
    if claims.get("htm") != method:
        return ReasonDetail.WRONG_METHOD
    htu = claims.get("htu")
    if not isinstance(htu, str) or _normalized(htu) != _normalized(url):
        return ReasonDetail.WRONG_URL
    jti, issued_at = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_ID:
        return ReasonDetail.JTI_MISSING
    if type(issued_at) is not int:
        return ReasonCode.IAT_MISSING
    if not (now - _OLDEST).timestamp() <= issued_at <= (now + _AHEAD).timestamp():
        return ReasonDetail.NOT_OF_NOW
    if access_token is not None and claims.get("ath") != base64url.encode(sha256(access_token.encode()).digest()):
        return ReasonDetail.WRONG_ACCESS_TOKEN
    return None


def _normalized(url: str) -> str | None:
    """§4.3, item 9: without query and fragment, after RFC 3986 §6.2.2 and §6.2.3."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None:
        return None
    scheme = parts.scheme.lower()
    implied = {"https": 443, "http": 80}.get(scheme)
    return f"{scheme}://{parts.hostname}:{port or implied}{parts.path or '/'}"


def _slot(now: datetime) -> int:
    return int(now.timestamp() // NONCE_SLOT.total_seconds())


def _nonce(key: bytes, slot: int) -> str:
    return base64url.encode(hmac.digest(key, str(slot).encode(), "sha256"))


def _refused(reason: Reason | ReasonDetail) -> OAuthError:
    return invalid_dpop_proof("The DPoP proof is not good.", reason=within(ReasonKind.DPOP, reason))
