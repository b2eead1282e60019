"""The project's signing keys and access tokens: a JWKS, rotation that keeps the old keys for verifying, and the shared
secret of older projects, which no JWKS shows."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from jwt import PyJWK

ES256, RS256, HS256 = "ES256", "RS256", "HS256"
_PUBLIC = frozenset({"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"})


def new_key(algorithm: str = ES256) -> dict[str, Any]:
    """A private JWK; a shared secret has no kid. ValueError for another algorithm."""
    made: ECKey | RSAKey | OctKey
    match algorithm:
        case "ES256":
            made = ECKey.generate_key("P-256", private=True)
        case "RS256":
            made = RSAKey.generate_key(2048, private=True)
        case "HS256":
            # Supabase takes the characters of the secret as they are.
            return {**OctKey.import_key(secrets.token_urlsafe(40)).as_dict(private=True), "alg": HS256}
        case _:
            raise ValueError(f"no keys for {algorithm!r}")
    return {**made.as_dict(private=True), "kid": made.thumbprint(), "alg": algorithm, "use": "sig"}


class SigningKeys:
    """The newest key signs, every key verifies."""

    def __init__(self, jwks: Sequence[Mapping[str, Any]]) -> None:
        self._jwks = [dict(jwk) for jwk in jwks]

    def add(self, jwk: Mapping[str, Any], *, revoke_others: bool = False) -> None:
        """Sign with this one from now on."""
        if revoke_others:
            self._jwks.clear()
        self._jwks.append(dict(jwk))

    def public(self) -> dict[str, Any]:
        """The JSON Web Key Set."""
        asymmetric = [jwk for jwk in reversed(self._jwks) if jwk["kty"] != "oct"]
        return {"keys": [_public(jwk) | {"key_ops": ["verify"]} for jwk in asymmetric]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT."""
        newest = self._jwks[-1]
        headers = {"kid": newest["kid"]} if "kid" in newest else None
        return jwt.encode(dict(claims), PyJWK(newest).key, newest["alg"], headers=headers)

    def verify(self, token: str, issuer: str, now: float) -> Mapping[str, Any] | None:
        """The claims of a token that is signed, ours, and not expired."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            jwk = next(each for each in self._jwks if each.get("kid") == kid)
            claims: Mapping[str, Any] = jwt.decode(
                token,
                PyJWK(jwk if jwk["kty"] == "oct" else _public(jwk)).key,
                algorithms=[jwk["alg"]],
                issuer=issuer,
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, StopIteration, ValueError):
            return None
        return claims if isinstance(claims.get("exp"), int) and now < claims["exp"] else None


def _public(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name in _PUBLIC}
