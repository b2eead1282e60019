"""Proofs of possession made by hand (RFC 9449 §4.2)."""

import hashlib
import json
import secrets
from datetime import datetime
from typing import Any

from tests.support.forging import base64url, ec_key, es256, jws, public_jwk

KEY, OTHER_KEY = ec_key(51), ec_key(52)


def own_jwk(key: Any = KEY) -> dict[str, str]:  # noqa: ANN401 - a key of cryptography's
    """As clients send it: no more than the key."""
    return {
        name: value for name, value in public_jwk(key.public_key(), "x").items() if name in {"kty", "crv", "x", "y"}
    }


def jkt_of(key: Any = KEY) -> str:  # noqa: ANN401
    canonical = json.dumps(own_jwk(key), sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(canonical.encode()).digest())


def proof(
    method: str,
    url: str,
    now: datetime,
    *,
    key: Any = KEY,  # noqa: ANN401
    access_token: str | None = None,
    header: dict[str, Any] | None = None,
    **changed: object,
) -> str:
    """A good one; a claim or header given as None is left out."""
    claims: dict[str, object] = {
        "htm": method,
        "htu": url,
        "iat": int(now.timestamp()),
        "jti": secrets.token_urlsafe(16),
        **({} if access_token is None else {"ath": base64url(hashlib.sha256(access_token.encode()).digest())}),
        **changed,
    }
    headers = {"typ": "dpop+jwt", "alg": "ES256", "jwk": own_jwk(key), **(header or {})}
    return jws(_given(headers), _given(claims), es256(key))


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
