"""DPoP at the resource: a token that is bound to a key needs a proof of possession of that key (RFC 9449 §7)."""

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

_MAX_PROOFS = 100_000
_BEARER = Rejection(ReasonCode.DPOP_TOKEN_AS_BEARER, rejection.KEY_BOUND)


class Possession:
    """Checks DPoP proofs for the resources of one server.

    public_url: scheme, host and optional port of the resources.
    nonces: None if proofs need no nonce.

    A process accepts each proof once (RFC 9449 §11.1). Another node accepts it again within a minute; where that
    matters, the operator requires nonces or runs a single node."""

    def __init__(self, public_url: str, clock: Clock, nonces: Nonces | None) -> None:
        self._public_url = public_url
        self._clock = clock
        self._nonces = nonces
        self._used: dict[Digest, datetime] = {}

    def check(
        self, principal: Principal, token: str, proofs: Sequence[str] | None, method: str, path: str
    ) -> Rejection | None:
        """→ None if the token is presented as its binding requires, else a rejection.

        proofs: the DPoP headers; None if the token was sent with the Bearer scheme.
        method, path: of the request, compared with `htm` and `htu` (RFC 9449 §4.3)."""
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
        """→ the nonce for the DPoP-Nonce header (RFC 9449 §9); None if proofs need no nonce."""
        return None if self._nonces is None else self._nonces.current(self._clock())

    def _is_first(self, known_as: Digest, now: datetime) -> bool:
        known_until = self._used.get(known_as)
        if known_until is not None and now < known_until:
            return False
        if len(self._used) >= _MAX_PROOFS:
            self._evict(now)
        self._used[known_as] = now + dpop.REMEMBERED
        return True

    def _evict(self, now: datetime) -> None:
        """Drop the expired proofs. If none has expired, drop the oldest tenth, to bound the memory."""
        expired = [known_as for known_as, until in self._used.items() if until <= now]
        for known_as in expired or list(self._used)[: _MAX_PROOFS // 10]:
            del self._used[known_as]
