"""The keys of an issuer whose tokens count here: kept as long as their server says, and fetched again when a token
names a key that is not among them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from oauth.foundation.clock import Clock
from oauth.foundation.outages import ProviderUnavailable
from oauth.jose import jwk_set
from oauth.jose.jws import VerificationKey
from oauth.protocol import issuer_metadata
from oauth.remote.fetching import FetchFailed, Network, UnusableAnswer, fetch_object

log = structlog.get_logger()

_MOST_BYTES = 64 * 1024
# An unknown key is looked for this often, whoever names it (F-12); and so long are old ones good without their server.
_PAUSE = timedelta(seconds=30)
_LAST_GOOD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: tuple[VerificationKey, ...]
    fetched_at: datetime
    fresh_until: datetime

    def knows(self, kid: str | None) -> bool:
        return kid is None or any(key.kid == kid for key in self.keys)


@dataclass(frozen=True, slots=True)
class _Found:
    jwks_uri: str
    fresh_until: datetime


class IssuerKeys:
    """Of one issuer. jwks_uri: where its keys are; None: where its metadata says."""

    def __init__(self, issuer: str, jwks_uri: str | None, network: Network, clock: Clock) -> None:
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._network = network
        self._clock = clock
        self._kept: _Kept | None = None
        self._found: _Found | None = None
        self._tried_at: datetime | None = None
        self._failed = False
        self._fetching = asyncio.Lock()

    async def of(self, kid: str | None) -> tuple[VerificationKey, ...]:
        """The keys, fetched again if none is called kid. ProviderUnavailable when nobody can tell (D-16)."""
        if self._is_old(kid):
            # Whoever comes during a fetch waits for that one.
            async with self._fetching:
                if self._is_old(kid) and not self._has_just_tried():
                    await self._renew()
        kept = self._kept
        if kept is None or self._clock() >= kept.fetched_at + _LAST_GOOD or (self._failed and not kept.knows(kid)):
            raise ProviderUnavailable("the keys of an issuer cannot be had")
        return kept.keys

    def _is_old(self, kid: str | None) -> bool:
        return self._kept is None or self._clock() >= self._kept.fresh_until or not self._kept.knows(kid)

    def _has_just_tried(self) -> bool:
        return self._tried_at is not None and self._clock() < self._tried_at + _PAUSE

    async def _renew(self) -> None:
        self._tried_at = now = self._clock()
        self._failed = True
        try:
            jwks_uri = self._jwks_uri or await self._find(now)
            fetched = await fetch_object(jwks_uri, _MOST_BYTES, self._network)
            keys = jwk_set.usable_keys(fetched.document)
            if not keys:
                raise UnusableAnswer("no_usable_key")
        except FetchFailed as failure:
            # They may have moved.
            self._found = None
            log.warning("issuer_keys_unavailable", issuer=self._issuer, reason=failure.reason)
            return
        self._kept, self._failed = _Kept(keys, now, now + fetched.fresh_for), False

    async def _find(self, now: datetime) -> str:
        """Where the metadata says. Raises FetchFailed."""
        if self._found is not None and now < self._found.fresh_until:
            return self._found.jwks_uri
        problem = "no_metadata"
        for address in issuer_metadata.addresses(self._issuer):
            try:
                fetched = await fetch_object(address, _MOST_BYTES, self._network)
            except UnusableAnswer as unusable:
                # A host that does not answer at all does not do so at the other address.
                problem = unusable.reason
                continue
            metadata = issuer_metadata.read(fetched.document, self._issuer)
            if isinstance(metadata, str):
                problem = metadata
                continue
            self._found = _Found(metadata.jwks_uri, now + fetched.fresh_for)
            return metadata.jwks_uri
        raise UnusableAnswer(f"metadata_{problem}")
