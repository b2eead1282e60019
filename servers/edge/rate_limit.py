"""Limits the requests that a client may make in a minute.

Counts in memory, since a request must cost no I/O. Processes and nodes exchange the counts of busy clients every two
seconds.

A client is a user with their assistant, as a valid credential proves. The users of a hosted assistant share its
addresses, but not one limit, and a new token does not start a new limit. A request without a valid credential counts
for its network. A refused credential counts several times, which makes guessing slowest."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from oauth.foundation.clock import Clock
from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import Digest

WINDOW = timedelta(minutes=1)
REFUSED_COSTS = 5
# Above this many clients in a window, new ones are not counted: memory is bounded, and no client is refused for it.
_MAX_CLIENTS = 100_000
_NETWORK_BITS = 64
# The counts of a client below this part of its limit are not exchanged.
_SHARED_FROM = 0.1
_EPOCH = datetime.fromtimestamp(0, UTC)


class SharedCounts(Protocol):
    """The part of the port `Attempts` that adds up the counts of processes and nodes."""

    async def add(self, counts: Mapping[Digest, int], until: datetime) -> Mapping[Digest, int]:
        """Add to the counts of keys whose window ends at `until`. → the new counts."""
        ...


class RateLimiter:
    """A sliding window: the minute before counts in proportion to the part of it that is still inside the window.

    per_minute: requests of one client."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._limit = per_minute
        self._shared_from = per_minute * _SHARED_FROM
        self._clock = clock
        # Windows start at full minutes, so that all processes have the same ones.
        self._began = _EPOCH + WINDOW * ((clock() - _EPOCH) // WINDOW)
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}
        # The callers that credentials proved, in this window and the one before, by hash of the credential.
        self._callers: dict[int, str] = {}
        self._former_callers: dict[int, str] = {}
        # For the busy clients of this window: the shared key, the count that others know, and the count of the others.
        self._shared: dict[str, Digest] = {}
        self._reported: dict[str, int] = {}
        self._others: dict[str, int] = {}

    def admit(self, credential: bytes | None, network: str) -> int | None:
        """Count a request before it is served. → None, or the seconds that its client has to wait.

        credential: the Authorization header.
        network: see `network_of`."""
        elapsed = self._advance_window()
        known = None if credential is None else self._caller_of(credential)
        key = network if known is None else known
        here = self._current.get(key, 0)
        counted = here + self._others.get(key, 0) + self._previous.get(key, 0) * (1 - elapsed)
        if here >= self._shared_from and key not in self._shared:
            self._shared[key] = digest(f"requests {self._began} {key}")
        if counted >= self._limit:
            return max(1, round((1 - elapsed) * WINDOW.total_seconds()))
        # An unknown credential is counted by `settle`, after it was checked.
        if credential is None or known is not None:
            self._add(key, 1)
        return None

    def settle(self, credential: bytes, network: str, *, caller: str | None, refused: bool) -> None:
        """Count a request with a credential, once its outcome is known.

        A request with a new credential from a caller beyond its limit counts for its network as well.

        caller: the client that the credential proves, now and on later requests; None where it proves none.
        refused: whether the credential was refused. One that was not checked counts like a missing one."""
        known = self._caller_of(credential)
        if caller is not None:
            if len(self._callers) < _MAX_CLIENTS:
                self._callers[hash(credential)] = caller
            if known is None:
                self._charge(caller, network)
        elif known is None:
            self._add(network, REFUSED_COSTS if refused else 1)

    def settle_served(self, credential: bytes | None, network: str, *, caller: str | None) -> None:
        """Count a request whose endpoint named the caller. Its credential, if any, is not remembered.

        caller: None for one without a limit."""
        if credential is None:
            self._add(network, -1)  # `admit` counted it there
        if caller is not None:
            self._charge(caller, network)

    async def exchange(self, attempts: SharedCounts) -> None:
        """Exchange the counts of busy clients with the other processes and nodes. Raises StoreUnavailable."""
        self._advance_window()
        if not self._shared:
            return
        began = self._began
        counts = {key: self._current[key] for key in self._shared}
        totals = await attempts.add(
            {shared: counts[key] - self._reported.get(key, 0) for key, shared in self._shared.items()}, began + WINDOW
        )
        if self._began == began:
            for key, count in counts.items():
                self._reported[key] = count
                self._others[key] = totals[self._shared[key]] - count

    def _caller_of(self, credential: bytes) -> str | None:
        key = hash(credential)
        return self._callers.get(key) or self._former_callers.get(key)

    def _charge(self, caller: str, network: str) -> None:
        """Count a request that was admitted before its caller was known."""
        if self._current.get(caller, 0) >= self._limit:
            self._add(network, 1)
        self._add(caller, 1)

    def _add(self, key: str, cost: int) -> None:
        if key in self._current or len(self._current) < _MAX_CLIENTS:
            self._current[key] = max(0, self._current.get(key, 0) + cost)

    def _advance_window(self) -> float:
        """Start a new window where the current one is over. → the part of it that has passed, 0 to 1."""
        passed = (self._clock() - self._began) / WINDOW
        if passed >= 1:
            for key, count in self._others.items():
                self._current[key] += count
            self._previous = self._current if passed < 2 else {}  # noqa: PLR2004 - the window before
            self._former_callers, self._callers = self._callers, {}
            self._current, self._shared, self._reported, self._others = {}, {}, {}, {}
            self._began += WINDOW * int(passed)
            passed -= int(passed)
        return max(0.0, passed)


def network_of(address: str) -> str:
    """The addresses that one client can own: an IPv4 address, or an IPv6 network of 64 bits."""
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
