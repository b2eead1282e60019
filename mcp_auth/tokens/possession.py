"""Tokens that are bound to a key are good only with a proof of it (RFC 9449 §7)."""

from collections.abc import Sequence
from datetime import datetime

from mcp_auth import rejection
from mcp_auth.principal import Principal
from mcp_auth.rejection import Rejection
from oauth.foundation.clock import Clock
from oauth.foundation.reason_codes import ReasonCode
from oauth.foundation.vocabulary import Digest
from oauth.protocol import dpop
from oauth.protocol.dpop import Nonces
from oauth.protocol.errors import OAuthError

_MOST_REMEMBERED = 100_000
_BEARER = Rejection(ReasonCode.DPOP_TOKEN_AS_BEARER, rejection.KEY_BOUND)


class Possession:
    """Checks proofs for resources at a public URL. nonces: None where none are demanded.

    A proof counts once in a process. At another node it could count again within its minute; where that matters, the
    operator demands nonces, or has one node."""

    def __init__(self, public_url: str, clock: Clock, nonces: Nonces | None) -> None:
        self._public_url = public_url
        self._clock = clock
        self._nonces = nonces
        self._used: dict[Digest, datetime] = {}

    def check(
        self, principal: Principal, token: str, proofs: Sequence[str] | None, method: str, path: str
    ) -> Rejection | None:
        """Is the token presented as it has to be? proofs: the DPoP headers; None where it came as a bearer token."""
        if proofs is None:
            return None if principal.jkt is None else _BEARER
        if principal.jkt is None:
            return rejection.NOT_BOUND
        now = self._clock()
        proof = dpop.check(proofs, method, self._public_url + path, now, token)
        if isinstance(proof, OAuthError):
            return Rejection(proof.reason, proof.description)
        if proof.jkt != principal.jkt:
            return Rejection(ReasonCode.DPOP_KEY_DIFFERS, rejection.WRONG_KEY)
        if self._nonces is not None and not self._nonces.are_good(proof.nonce, now):
            return Rejection(ReasonCode.DPOP_NONCE, rejection.NONCE_REQUIRED)
        if not self._is_first(proof.known_as, now):
            return Rejection(ReasonCode.DPOP_REPLAYED, rejection.REPLAYED)
        return None

    def nonce(self) -> str | None:
        """What clients are told to put into their proofs."""
        return None if self._nonces is None else self._nonces.current(self._clock())

    def _is_first(self, known_as: Digest, now: datetime) -> bool:
        known_until = self._used.get(known_as)
        if known_until is not None and now < known_until:
            return False
        if len(self._used) >= _MOST_REMEMBERED:
            self._forget(now)
        self._used[known_as] = now + dpop.REMEMBERED
        return True

    def _forget(self, now: datetime) -> None:
        """What no longer matters; in need the oldest tenth, since memory is bounded."""
        over = [known_as for known_as, until in self._used.items() if until <= now]
        for known_as in over or list(self._used)[: _MOST_REMEMBERED // 10]:
            del self._used[known_as]
