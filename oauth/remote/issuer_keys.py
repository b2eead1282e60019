"""Keys of identity providers that the operator trusts: kept as long as their servers say, and fetched again when a
token names a key that is not among them."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from oauth import jwk_set
from oauth.clock import Clock
from oauth.jws import VerificationKey
from oauth.outages import ProviderUnavailable
from oauth.remote.fetching import FetchFailed, Network, fetch_object

log = structlog.get_logger()

_MOST_BYTES = 64 * 1024
# What their server says counts between these; the second is for one that says nothing.
_LEAST_FRESH, _FRESH, _MOST_FRESH = timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24)
# An unknown key is looked for this often, whoever names it (F-12); and so long are old ones good without their server.
_PAUSE = timedelta(seconds=30)
_LAST_GOOD = timedelta(hours=24)


@dataclass(slots=True)
class _Kept:
    keys: tuple[VerificationKey, ...]
    fetched_at: datetime
    fresh_until: datetime


class IssuerKeys:
    """network: the operator names the addresses, so they may be private; all other bounds of fetching hold."""

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network = replace(network, is_public=lambda _: True)
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._tried_at: dict[str, datetime] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, jwks_uri: str, kid: str | None) -> tuple[VerificationKey, ...]:
        """The keys at an address, fetched again if none is called kid. ProviderUnavailable when there are none to be
        had."""
        async with self._locks.setdefault(jwks_uri, asyncio.Lock()):
            kept, now = self._kept.get(jwks_uri), self._clock()
            known = kept is not None and (kid is None or any(key.kid == kid for key in kept.keys))
            if kept is not None and known and now < kept.fresh_until:
                return kept.keys
            tried_at = self._tried_at.get(jwks_uri)
            if tried_at is None or now >= tried_at + _PAUSE:
                self._tried_at[jwks_uri] = now
                kept = await self._fetched(jwks_uri, now) or kept
            if kept is None or now >= kept.fetched_at + _LAST_GOOD:
                raise ProviderUnavailable("the keys of an identity provider cannot be had")
            return kept.keys

    async def _fetched(self, jwks_uri: str, now: datetime) -> _Kept | None:
        try:
            fetched = await fetch_object(jwks_uri, _MOST_BYTES, self._network)
        except FetchFailed as failure:
            log.warning("issuer_keys_unavailable", jwks_uri=jwks_uri, reason=failure.reason)
            return None
        keys = jwk_set.usable_keys(fetched.document)
        if not keys:
            log.warning("issuer_keys_unavailable", jwks_uri=jwks_uri, reason="no_usable_key")
            return None
        fresh = min(max(fetched.max_age or _FRESH, _LEAST_FRESH), _MOST_FRESH)
        self._kept[jwks_uri] = kept = _Kept(keys, now, now + fresh)
        return kept
