"""The project's signing keys and access tokens: ES256, a JWKS, rotation that keeps the old key for verifying."""

from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from joserfc.jwk import ECKey
from jwt import PyJWK

ALGORITHM = "ES256"


def new_key() -> dict[str, Any]:
    """A private JWK with a kid."""
    made = ECKey.generate_key("P-256", private=True)
    return {**made.as_dict(private=True), "kid": made.thumbprint(), "alg": ALGORITHM, "use": "sig"}


class SigningKeys:
    """The newest key signs, every key verifies."""

    def __init__(self, jwks: Sequence[Mapping[str, Any]]) -> None:
        self._jwks = [dict(jwk) for jwk in jwks]

    def add(self, jwk: Mapping[str, Any]) -> None:
        """Sign with this one from now on."""
        self._jwks.append(dict(jwk))

    def public(self) -> dict[str, Any]:
        """The JSON Web Key Set."""
        return {
            "keys": [
                {name: value for name, value in jwk.items() if name != "d"} | {"key_ops": ["verify"]}
                for jwk in reversed(self._jwks)
            ]
        }

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT."""
        newest = self._jwks[-1]
        return jwt.encode(dict(claims), PyJWK(newest).key, ALGORITHM, headers={"kid": newest["kid"]})

    def verify(self, token: str, issuer: str, now: float) -> Mapping[str, Any] | None:
        """The claims of a token that is signed, ours, and not expired."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            jwk = next(each for each in self._jwks if each["kid"] == kid)
            public = {name: value for name, value in jwk.items() if name != "d"}
            claims: Mapping[str, Any] = jwt.decode(
                token,
                PyJWK(public).key,
                algorithms=[ALGORITHM],
                issuer=issuer,
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, StopIteration, ValueError):
            return None
        return claims if isinstance(claims.get("exp"), int) and now < claims["exp"] else None
