"""Compact JWS, read strictly (D-10): what may be looked at before a signature is checked, and the check itself.

A name that starts with `unverified` has not been checked; `VerificationKey.verifies` is what changes that.
Source: RFC 7515, RFC 8725."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from jwt.algorithms import Algorithm

from oauth.foundation import base64url
from oauth.foundation.reason_codes import Reason, ReasonCode, claim_in_the_future, claim_malformed
from oauth.jose.strict_json import parse_object

MAX_LENGTH = 8192
_MAX_HEADER = 1024
_MAX_HEADER_WITH_KEY = 2048
END_OF_TIME = 10**11  # seconds: some three thousand years
# RFC 8725 §3.10: a token does not say where its key comes from; RFC 7515 §4.1.11: an unknown crit is refused.
_FORBIDDEN_HEADERS = frozenset({"jku", "x5u", "jwk", "x5c", "crit", "b64", "zip"})


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token taken apart; nothing in it is proven. jwk: the key in its header, of a kind of token that has one."""

    algorithm: str
    type: str | None
    kid: str | None
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes
    jwk: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One public key for one algorithm (RFC 8725 §3.1)."""

    kid: str | None
    name: str
    algorithm: Algorithm
    key: Any

    def verifies(self, token: UnverifiedToken) -> bool:
        """Was the token signed with the private half of this key?"""
        return token.algorithm == self.name and self.algorithm.verify(token.signed, self.key, token.signature)


def is_signed_by(token: UnverifiedToken, keys: Iterable[VerificationKey]) -> bool:
    """Was it signed with one of the keys? Where it names a `kid`, with one of that id."""
    return any(key.verifies(token) for key in keys if token.kid is None or key.kid == token.kid)


def read(token: str, *, with_key: bool = False) -> UnverifiedToken | Reason:
    """Take a compact token apart, or say in a word why it is none. Never raises, whatever the string.

    with_key: it is of a kind that carries its key (RFC 9449 §4.2); of any other, a key in the header is refused."""
    if len(token) > MAX_LENGTH:
        return ReasonCode.OVERSIZED
    if not token.isascii() or token.count(".") != 2:  # noqa: PLR2004 - header, payload, signature
        return ReasonCode.NOT_COMPACT
    signed, _, encoded_signature = token.rpartition(".")
    encoded_header, _, encoded_payload = signed.partition(".")
    if len(encoded_header) > (_MAX_HEADER_WITH_KEY if with_key else _MAX_HEADER):
        return ReasonCode.OVERSIZED_HEADER
    raw_header, payload, signature = map(base64url.decode, (encoded_header, encoded_payload, encoded_signature))
    if raw_header is None or payload is None or signature is None:
        return ReasonCode.NOT_BASE64URL
    header, claims = parse_object(raw_header), parse_object(payload)
    if header is None or claims is None:
        return ReasonCode.NOT_JSON
    if not _FORBIDDEN_HEADERS.isdisjoint(header.keys() - ({"jwk"} if with_key else set())):
        return ReasonCode.FORBIDDEN_HEADER
    jwk = header.get("jwk") if with_key else None
    if not isinstance(jwk, dict | None) or (with_key and jwk is None):
        return ReasonCode.JWK_MISSING
    algorithm, typ, kid = header.get("alg"), header.get("typ"), header.get("kid")
    if not isinstance(algorithm, str) or not isinstance(typ, str | None) or not isinstance(kid, str | None):
        return ReasonCode.MALFORMED_HEADER
    return UnverifiedToken(algorithm, typ, kid, claims, signed.encode(), signature, jwk)


def check_times(claims: Mapping[str, Any], now: float, leeway: float) -> Reason | None:
    """exp is required, nbf and iat are honoured; all of them numbers. → a word that says which one is wrong, or None.

    now, leeway: seconds."""
    expires_at = claims.get("exp")
    if not _is_instant(expires_at):
        return ReasonCode.EXP_MISSING
    if now > expires_at + leeway:
        return ReasonCode.EXPIRED
    for name in ("nbf", "iat"):
        instant = claims.get(name)
        if instant is None:
            continue
        if not _is_instant(instant):
            return claim_malformed(name)
        if instant > now + leeway:
            return claim_in_the_future(name)
    return None


def lives_too_long(claims: Mapping[str, Any], now: float, longest: float, leeway: float) -> bool:
    """Does it end later than that from now, or was it made to last longer? Of claims that passed `check_times`.

    now, longest, leeway: seconds."""
    begins = claims.get("iat")
    return any(claims["exp"] - begin > longest + leeway for begin in (now, begins) if begin is not None)


def sole_audience(claims: Mapping[str, Any]) -> str | None:
    """The audience, of a token that names exactly one (RFC 7519 §4.1.3)."""
    audience = claims.get("aud")
    named = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    return named if isinstance(named, str) else None


def instant(seconds: float) -> datetime:
    """A NumericDate (RFC 7519 §2) as an aware instant, of claims that passed `check_times`."""
    return datetime.fromtimestamp(seconds, UTC)


def _is_instant(value: object) -> TypeGuard[int | float]:
    """A NumericDate that a calendar has. Python's booleans are integers, JSON's are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < END_OF_TIME
