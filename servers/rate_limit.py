"""How many requests a client may make in a minute (SEED-50). Counted in this process alone: a request costs no I/O.

A client is the credential that it sends, once that was good, so that the users of a hosted assistant, who share its
addresses, do not share one limit. Whatever comes without a good credential is counted for its address, and a refused
credential counts several times: guessing is the slowest of all."""

from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from oauth.clock import Clock

WINDOW = timedelta(minutes=1)
REFUSED_COSTS = 5
# Above this many clients in a window, new ones are not counted: memory is bounded, and nobody is shut out for it.
_MOST = 100_000
_NETWORK_BITS = 64

Key = int | str


class RateLimiter:
    """A sliding window: what is left of the minute before counts in proportion. per_minute: requests of one client."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._most = per_minute
        self._clock = clock
        self._began = clock()
        self._current: dict[Key, int] = {}
        self._previous: dict[Key, int] = {}

    def admit(self, credential: bytes | None, network: str) -> int | None:
        """Count a request before it is served. → None, or for how many seconds its client has to wait.

        credential: the Authorization header. network: as of `network_of`."""
        elapsed = self._turn()
        key: Key = network
        if credential is not None:
            own = hash(credential)
            if own in self._current or own in self._previous:
                key = own
        counted = self._current.get(key, 0) + self._previous.get(key, 0) * (1 - elapsed)
        if counted >= self._most:
            return max(1, round((1 - elapsed) * WINDOW.total_seconds()))
        # A credential that nobody knows yet is counted when it is known what it is worth.
        if credential is None or key is not network:
            self._add(key, 1)
        return None

    def settle(self, credential: bytes, network: str, *, proven: bool, refused: bool) -> None:
        """Say what became of a request with a credential.

        proven: it was looked at, and is good. Where nobody looked at it, it is worth nothing."""
        own = hash(credential)
        if proven:
            if own not in self._current:
                self._add(own, 1)
        elif own not in self._current:
            self._add(network, REFUSED_COSTS if refused else 1)

    def _add(self, key: Key, cost: int) -> None:
        if key in self._current or len(self._current) < _MOST:
            self._current[key] = self._current.get(key, 0) + cost

    def _turn(self) -> float:
        """Begin a new window if it is time. → how much of the current one is over, 0 to 1."""
        passed = (self._clock() - self._began) / WINDOW
        if passed >= 1:
            self._previous = self._current if passed < 2 else {}  # noqa: PLR2004 - the window before
            self._current = {}
            self._began += WINDOW * int(passed)
            passed -= int(passed)
        return max(0.0, passed)


def network_of(address: str) -> str:
    """What one client can have all of: an IPv4 address, or an IPv6 network of 64 bits."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _NETWORK_BITS << _NETWORK_BITS))
