"""Where names lead, seen from here, and who can get there."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, ip_address

Resolve = Callable[[str], Awaitable[Sequence[str]]]

_PATIENCE = 5.0  # seconds


class Reach(StrEnum):
    """From where an address can be reached."""

    EVERYWHERE = "everywhere"
    IPV6 = "IPv6 alone"
    THIS_NETWORK = "this network"
    THIS_MACHINE = "this machine"
    UNKNOWN = "unknown"


async def resolve(host: str) -> Sequence[str]:
    """The addresses of a host, as this machine knows them; none for a name that it does not know."""
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def reach(addresses: Sequence[str]) -> Reach:
    """The least that can be said of all of them: a client picks any."""
    each = [_reach(address) for address in addresses]
    for least in (Reach.THIS_MACHINE, Reach.THIS_NETWORK):
        if least in each:
            return least
    if Reach.EVERYWHERE in each:
        return Reach.EVERYWHERE
    return Reach.IPV6 if each else Reach.UNKNOWN


def _reach(address: str) -> Reach:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return Reach.THIS_NETWORK
    if parsed.is_loopback or parsed.is_unspecified:
        return Reach.THIS_MACHINE
    # Carriers' shared addresses (100.64.0.0/10) are neither private nor global.
    if not parsed.is_global or parsed.is_multicast:
        return Reach.THIS_NETWORK
    return Reach.EVERYWHERE if isinstance(parsed, IPv4Address) else Reach.IPV6


class Names:
    """Each host is looked up once."""

    def __init__(self, look_up: Resolve) -> None:
        self._look_up = look_up
        self._known: dict[str, tuple[str, ...]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """As they were the first time; of an address, itself."""
        if host not in self._known:
            self._known[host] = tuple(await self._look_up(host))
        return self._known[host]
