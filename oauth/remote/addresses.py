"""Addresses that a stranger's URL must not lead to (RFC 6890 and the IANA special-purpose registries).

Listed one by one: what a standard library calls global differs by version and lets embedded forms pass (F-31)."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_FORBIDDEN_IPV4 = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared, carriers
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link local, cloud metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
# Of IPv6 only what is assigned to the public; of that, without what embeds or stands for something else.
_PUBLIC_IPV6 = ip_network("2000::/3")
_FORBIDDEN_IPV6 = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address in disguise
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
# What an organisation numbers its own machines with.
_PRIVATE = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared: between the machines of one cloud or overlay
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
        ),
    )
)


# Where clouds tell machines their secrets; the best known one, 169.254.169.254, is link local.
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254")))


def is_private(address: str) -> bool:
    """Is it an address of an organisation's own network? This machine and the metadata of a cloud are none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return False
    return parsed not in _METADATA and any(parsed in network for network in _PRIVATE)


def is_public(address: str) -> bool:
    """Is it an address of the public internet? Anything that is not an address is not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    match parsed:
        case IPv4Address():
            return not any(parsed in network for network in _FORBIDDEN_IPV4)
        case IPv6Address(scope_id=None):
            return parsed in _PUBLIC_IPV6 and not any(parsed in network for network in _FORBIDDEN_IPV6)
        case _:
            return False
