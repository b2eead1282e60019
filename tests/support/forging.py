"""Compact JWS made by hand, good and bad: nothing here is the code that reads them."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

Signer = Callable[[bytes], bytes]


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def jws(header: Mapping[str, object] | bytes, claims: Mapping[str, object] | bytes, sign: Signer) -> str:
    """Bytes are taken as they are; mappings become JSON."""
    signed = f"{base64url(_bytes(header))}.{base64url(_bytes(claims))}"
    return f"{signed}.{base64url(sign(signed.encode()))}"


def es256(key: ec.EllipticCurvePrivateKey) -> Signer:
    def sign(signed: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def rs256(key: rsa.RSAPrivateKey) -> Signer:
    return lambda signed: key.sign(signed, PKCS1v15(), SHA256())


def ps256(key: rsa.RSAPrivateKey) -> Signer:
    return lambda signed: key.sign(signed, PSS(MGF1(SHA256()), 32), SHA256())


def hs256(secret: bytes) -> Signer:
    return lambda signed: hmac.digest(secret, signed, hashlib.sha256)


def constant(signature: bytes) -> Signer:
    return lambda _: signature


def ec_key(number: int) -> ec.EllipticCurvePrivateKey:
    """The same key for the same number."""
    return ec.derive_private_key(number, ec.SECP256R1())


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """The same key for the same size."""
    return rsa.generate_private_key(65537, bits)


def public_rsa_jwk(key: rsa.RSAPublicKey, kid: str, **changed: object) -> dict[str, object]:
    modulus = key.public_numbers().n.to_bytes(key.key_size // 8, "big")
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": base64url(modulus), "e": "AQAB", **changed}


def public_jwk(key: ec.EllipticCurvePublicKey, kid: str) -> dict[str, str]:
    numbers = key.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "use": "sig",
        "alg": "ES256",
        "kid": kid,
        "x": base64url(numbers.x.to_bytes(32, "big")),
        "y": base64url(numbers.y.to_bytes(32, "big")),
    }


def _bytes(part: Mapping[str, object] | bytes) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part).encode()
