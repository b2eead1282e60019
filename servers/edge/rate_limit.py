"""How many requests a client may make in a minute (SEED-50). Counted in memory, since a request must cost no I/O;
what a busy client has made of all processes and nodes is exchanged every two seconds.

A client is a person with their assistant, as a good credential proves it, so that the users of a hosted assistant, who
share its addresses, do not share one limit, and a fresh token is no fresh one. Whatever comes without a good credential
is counted for its address, and a refused credential counts several times: guessing is the slowest of all."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from oauth.foundation.clock import Clock
from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import Digest

WINDOW = timedelta(minutes=1)
REFUSED_COSTS = 5
# Above this many clients in a window, new ones are not counted: memory is bounded, and nobody is shut out for it.
_MOST = 100_000
_NETWORK_BITS = 64
# A client that makes less than this part of its limit here is nobody else's business.
_SHARED_FROM = 0.1
_EPOCH = datetime.fromtimestamp(0, UTC)


class SharedCounts(Protocol):
    """The part of the port Attempts in which processes and nodes add up their counts."""

    async def add(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
        """Add to the counts of keys whose window ends at `until`. → the new counts."""
        ...


class RateLimiter:
    """A sliding window: what is left of the minute before counts in proportion. per_minute: requests of one client."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._most = per_minute
        self._shared_from = per_minute * _SHARED_FROM
        self._clock = clock
        # Windows begin at full minutes, so that all processes have the same.
        self._began = _EPOCH + WINDOW * ((clock() - _EPOCH) // WINDOW)
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}
        # Whom credentials have proven, in this window and the one before; by their hash.
        self._callers: dict[int, str] = {}
        self._former_callers: dict[int, str] = {}
        # Of the busy clients of this window: how others know them, what they were told, and what they told.
        self._shared: dict[str, Digest] = {}
        self._told: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}

    def admit(self, credential: bytes | None, network: str) -> int | None:
        """Count a request before it is served. → None, or for how many seconds its client has to wait.

        credential: the Authorization header. network: as of `network_of`."""
        elapsed = self._turn()
        known = None if credential is None else self._caller_of(credential)
        key = network if known is None else known
        here = self._current.get(key, 0)
        counted = here + self._elsewhere.get(key, 0) + self._previous.get(key, 0) * (1 - elapsed)
        if here >= self._shared_from and key not in self._shared:
            self._shared[key] = digest(f"requests {self._began} {key}")
        if counted >= self._most:
            return max(1, round((1 - elapsed) * WINDOW.total_seconds()))
        # A credential that nobody knows yet is counted when it is known what it is worth.
        if credential is None or known is not None:
            self._add(key, 1)
        return None

    def settle(self, credential: bytes, network: str, *, caller: str | None, refused: bool) -> None:
        """Say what became of a request with a credential.

        caller: whom it proves, now and whenever it comes again; None: nobody. Where nobody looked at it, it is worth
        nothing. Whoever is beyond their own limit with a new one goes on at the expense of their address."""
        known = self._caller_of(credential)
        if caller is not None:
            if len(self._callers) < _MOST:
                self._callers[hash(credential)] = caller
            if known is None:
                self._charge(caller, network)
        elif known is None:
            self._add(network, REFUSED_COSTS if refused else 1)

    def settle_once(self, credential: bytes | None, network: str, *, caller: str | None) -> None:
        """Say whose request it was, where its credential, or what it has instead, does not say so again. caller: None
        for one that is not counted."""
        if credential is None:
            self._add(network, -1)  # where it was counted before it was served
        if caller is not None:
            self._charge(caller, network)

    async def exchange(self, attempts: SharedCounts) -> None:
        """Tell the others of the busy clients, and hear of theirs. Raises StoreUnavailable."""
        self._turn()
        if not self._shared:
            return
        began = self._began
        now = {key: self._current[key] for key in self._shared}
        totals = await attempts.add(
            {shared: now[key] - self._told.get(key, 0) for key, shared in self._shared.items()}, began + WINDOW
        )
        if self._began == began:
            for key, count in now.items():
                self._told[key] = count
                self._elsewhere[key] = totals[self._shared[key]] - count

    def _caller_of(self, credential: bytes) -> str | None:
        own = hash(credential)
        return self._callers.get(own) or self._former_callers.get(own)

    def _charge(self, caller: str, network: str) -> None:
        """Count a request that was admitted without knowing whose it is."""
        if self._current.get(caller, 0) >= self._most:
            self._add(network, 1)
        self._add(caller, 1)

    def _add(self, key: str, cost: int) -> None:
        if key in self._current or len(self._current) < _MOST:
            self._current[key] = max(0, self._current.get(key, 0) + cost)

    def _turn(self) -> float:
        """Begin a new window if it is time. → how much of the current one is over, 0 to 1."""
        passed = (self._clock() - self._began) / WINDOW
        if passed >= 1:
            for key, count in self._elsewhere.items():
                self._current[key] += count
            self._previous = self._current if passed < 2 else {}  # noqa: PLR2004 - the window before
            self._former_callers, self._callers = self._callers, {}
            self._current, self._shared, self._told, self._elsewhere = {}, {}, {}, {}
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
