"""Public keys of others (RFC 7517): which of a key set may check signatures here, and for which algorithm."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from oauth.jose.jws import VerificationKey

ALGORITHMS = ("ES256", "RS256")
# RFC 7517 §4.4: a key need not say; there is one that we accept for each kind (RFC 8725 §3.1).
_IMPLIED = {"EC": "ES256", "RSA": "RS256"}
_MIN_RSA_BITS = 2048


def usable_keys(document: object) -> tuple[VerificationKey, ...] | None:
    """The keys of a decoded JWK Set that we accept; None where it is no key set."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return None
    return tuple(key for key in map(usable_key, entries) if key is not None)


def usable_key(jwk: Any) -> VerificationKey | None:  # noqa: ANN401 - JSON from elsewhere
    """A public key for signatures, of an algorithm and size that we accept (RFC 8725 §3.4)."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or not isinstance(jwk.get("kid"), str | None):
        return None
    algorithm = jwk.get("alg", _IMPLIED.get(str(jwk.get("kty"))))
    if algorithm not in ALGORITHMS:
        return None
    try:
        parsed = PyJWK(jwk, algorithm)
    except (PyJWTError, ValueError):
        return None
    match parsed.key:
        case RSAPublicKey(key_size=size) if size < _MIN_RSA_BITS:
            return None
        case EllipticCurvePublicKey(curve=curve) if not isinstance(curve, SECP256R1):
            return None
        case RSAPublicKey() | EllipticCurvePublicKey():
            pass
        case _:  # a private key has no business in a key set
            return None
    return VerificationKey(parsed.key_id, algorithm, parsed.Algorithm, parsed.key)
