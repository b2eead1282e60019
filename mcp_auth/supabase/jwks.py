"""The project's signing keys: cached for an hour, fetched again for an unknown `kid`, kept in an outage."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from jwt.algorithms import HMACAlgorithm

from mcp_auth.supabase.client import SupabaseClient
from oauth.foundation.clock import Clock
from oauth.foundation.outages import ProviderUnavailable
from oauth.jose.jwk_set import usable_keys
from oauth.jose.jws import UnverifiedToken, VerificationKey

log = structlog.get_logger()

LIFETIME = timedelta(hours=1)
# At most one fetch in this time, so that a flood of unknown kids causes few requests.
PAUSE = timedelta(seconds=30)
_SHARED_ALGORITHM = "HS256"


class JWKSUnavailable(ProviderUnavailable):
    """The key for a signature is not available here. The caller can ask Supabase about the token instead."""


def shared_secret_key(secret: str) -> VerificationKey:
    """→ the key of a project that signs with its legacy JWT secret (HS256)."""
    return VerificationKey(None, _SHARED_ALGORITHM, HMACAlgorithm(HMACAlgorithm.SHA256), secret.encode())


class SupabaseKeys:
    """A cache of the project's key set. Callers that need a missing key share one fetch.

    shared: the key of a project that signs with a shared secret; None if it does not, or if it is not configured."""

    def __init__(self, client: SupabaseClient, clock: Clock, shared: VerificationKey | None = None) -> None:
        self._client = client
        self._clock = clock
        self._shared = shared
        self._keys: Mapping[str | None, VerificationKey] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._failed = False
        self._fetching = asyncio.Lock()

    async def key_of(self, token: UnverifiedToken) -> VerificationKey | None:
        """→ the key that the token has to be signed with; None if the project has no such key.

        Raises JWKSUnavailable in an outage, and for HS256 if the project has no public keys and its secret is not
        configured. RFC 8725 §3.1: each key is for one algorithm, so a public key never verifies HS256."""
        if token.algorithm == _SHARED_ALGORITHM and self._shared is not None:
            return self._shared
        key = await self.verification_key(token.kid)
        if key is None and token.algorithm == _SHARED_ALGORITHM and not self._keys:
            raise JWKSUnavailable("the project signs with a shared secret that is not configured")
        return key

    async def verification_key(self, kid: str | None) -> VerificationKey | None:
        """→ the key with this id; None if the project has none. Raises JWKSUnavailable if it cannot be fetched."""
        if kid not in self._keys or self._is_old():
            async with self._fetching:
                if (kid not in self._keys or self._is_old()) and not self._has_just_tried():
                    await self._fetch()
        key = self._keys.get(kid)
        if key is None and self._failed:
            raise JWKSUnavailable("the signing keys of the Supabase project could not be fetched")
        return key

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at > LIFETIME

    def _has_just_tried(self) -> bool:
        return self._tried_at is not None and self._clock() - self._tried_at < PAUSE

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        self._failed = True
        try:
            answer = await self._client.request("GET", "/.well-known/jwks.json")
        except ProviderUnavailable as outage:
            log.warning("jwks_unavailable", cause=str(outage), kept=len(self._keys))
            return
        usable = usable_keys(answer.body)
        if usable is None:
            log.warning("jwks_unavailable", cause=f"status {answer.status} without keys", kept=len(self._keys))
            return
        self._keys = {key.kid: key for key in usable}
        self._fetched_at, self._failed = self._clock(), False
