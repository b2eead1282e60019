"""Signing keys: one signs, those before it verify until their tokens have expired, the next is published first.

A key is made at first start and by `mcp-auth keys rotate`. Private parts are stored encrypted under MCP_AUTH_SECRET."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc.jwk import ECKey
from jwt.algorithms import ECAlgorithm

from oauth.foundation import base64url
from oauth.foundation.credentials import KeyEncryption
from oauth.jose.jws import UnverifiedToken, VerificationKey
from oauth.protocol.access_token import ALGORITHM, TYPE
from oauth.stores.ports import SigningKeys, StoredSigningKey

# How long others may keep our JWKS; a new key is published for longer than that before it signs.
JWKS_MAX_AGE = timedelta(minutes=5)
PUBLISHED_BEFORE_SIGNING = timedelta(minutes=15)
_CLOCKS_APART = timedelta(minutes=1)


class UnreadableKeys(Exception):
    """None of the root secrets opens a signing key; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair. public_jwk: as published, private members nowhere in it. header: of what it signs, encoded."""

    number: int
    kid: str
    signs_from: datetime
    public_jwk: Mapping[str, str]
    verification: VerificationKey
    private_key: EllipticCurvePrivateKey
    header: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one moment, oldest first. lifetime: of access tokens, which an old key outlives."""

    all: tuple[SigningKey, ...]
    lifetime: timedelta

    def signing(self, now: datetime) -> SigningKey:
        """The newest key whose time has come; the first key's always has."""
        return next((key for key in reversed(self.all) if key.signs_from <= now), self.all[0])

    def verifying_key(self, kid: str | None, now: datetime) -> SigningKey | None:
        """The key of that id, if a token may be signed with it: the signing one, the next, one not yet outlived."""
        for key, successor in zip_longest(self.all, self.all[1:]):
            if key.kid == kid:
                outlived = successor is not None and successor.signs_from + self.lifetime + _CLOCKS_APART < now
                return None if outlived else key
        return None

    def verifying(self, now: datetime) -> tuple[SigningKey, ...]:
        """All such keys."""
        return tuple(key for key in self.all if self.verifying_key(key.kid, now) is not None)

    def jwks(self, now: datetime) -> dict[str, object]:
        """The JSON Web Key Set (RFC 7517 §5)."""
        return {"keys": [dict(key.public_jwk) for key in self.verifying(now)]}


class KeyRing:
    """The keys as this process knows them; `load` again to learn what other nodes did."""

    def __init__(self, stored: SigningKeys, encryption: KeyEncryption, lifetime: timedelta) -> None:
        self._stored = stored
        self._encryption = encryption
        self._algorithm = ECAlgorithm(ECAlgorithm.SHA256)
        self.keys = Keys((), lifetime)

    async def load(self, now: datetime) -> None:
        """Read the keys; make the first one where there is none. UnreadableKeys when the root secret is another."""
        stored = await self._stored.all()
        if not stored:
            await self._add(number=1, now=now, signs_from=now)
            stored = await self._stored.all()
        self.keys = replace(self.keys, all=self._open(stored))

    async def rotate(self, now: datetime) -> SigningKey:
        """Publish a new key; it signs once every cache of the old set has run out. → the new key."""
        await self.load(now)
        await self._add(number=self.keys.all[-1].number + 1, now=now, signs_from=now + PUBLISHED_BEFORE_SIGNING)
        await self.load(now)
        return self.keys.all[-1]

    def verifies(self, token: UnverifiedToken, now: datetime) -> bool:
        """Is the token signed with a key of ours that may still have signed it?"""
        key = self.verification_key(token.kid, now)
        return key is not None and token.type == TYPE and key.verifies(token)

    def verification_key(self, kid: str | None, now: datetime) -> VerificationKey | None:
        """The key of that id, while tokens of it may be about."""
        known = self.keys.verifying_key(kid, now)
        return None if known is None else known.verification

    def sign(self, claims: Mapping[str, object], now: datetime) -> str:
        """The claims as a compact JWS of RFC 9068."""
        key = self.keys.signing(now)
        signed = f"{key.header}.{_encode_json(claims)}"
        return f"{signed}.{base64url.encode(self._algorithm.sign(signed.encode(), key.private_key))}"

    async def _add(self, number: int, now: datetime, signs_from: datetime) -> None:
        """Make a key of that number, unless another node was faster."""
        made = ECKey.generate_key("P-256", private=True)
        kid = made.thumbprint()
        public = {**made.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM}
        await self._stored.add(
            StoredSigningKey(
                number,
                kid,
                ALGORITHM,
                json.dumps(public, sort_keys=True),
                self._encryption.encrypt(made.as_der(private=True), kid),
                now,
                signs_from,
            )
        )

    def _open(self, stored: Sequence[StoredSigningKey]) -> tuple[SigningKey, ...]:
        known = {key.kid: key for key in self.keys.all}
        return tuple(known.get(key.kid) or self._unseal(key) for key in stored)

    def _unseal(self, stored: StoredSigningKey) -> SigningKey:
        der = self._encryption.decrypt(stored.sealed_private_key, stored.kid)
        if der is None:
            raise UnreadableKeys(
                "MCP_AUTH_SECRET does not open the signing keys in the database. "
                "Add the secret that they were made with, after the new one and separated by a comma."
            )
        private_key = load_der_private_key(der, password=None)
        if not isinstance(private_key, EllipticCurvePrivateKey):
            raise UnreadableKeys("A signing key in the database is not an elliptic curve key.")
        return SigningKey(
            stored.number,
            stored.kid,
            stored.signs_from,
            json.loads(stored.public_jwk),
            VerificationKey(stored.kid, ALGORITHM, self._algorithm, private_key.public_key()),
            private_key,
            _encode_json({"typ": TYPE, "alg": ALGORITHM, "kid": stored.kid}),
        )


def _encode_json(value: Mapping[str, object]) -> str:
    return base64url.encode(_COMPACT.encode(value).encode())


_COMPACT = json.JSONEncoder(separators=(",", ":"))
