"""Addresses that nobody makes us connect to (F-31, RFC 6890)."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.remote.addresses import is_private, is_public

INSIDE = [
    "0.0.0.0",  # noqa: S104 - nothing listens there
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:0a00:0001::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2606:4700::1111%eth0",
    "4000::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "191.255.255.255",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "2600::1",
    "2400:cb00::1",
]


# F-31
@pytest.mark.parametrize("address", INSIDE)
def test_special_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "app.example", "127.1", "0x7f.0.0.1", "2130706433", " 8.8.8.8", "8.8.8.8/32"]
)
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)


# The standard library is an independent witness for what it calls private or special on every version.
@given(st.integers(0, 2**32 - 1))
def test_what_the_standard_library_calls_private_is_not_public(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    if (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
    ):
        assert not is_public(str(address)) or address in ipaddress.ip_network("192.0.0.0/24")


# F-31
@given(st.integers(0, 2**32 - 1))
def test_embedded_addresses_are_not_public(number: int) -> None:
    for network in ("::ffff:0:0", "::", "64:ff9b::"):
        assert not is_public(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(network)) | number)))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))))


@pytest.mark.parametrize("address", ["10.0.0.1", "100.64.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fdff::1"])
def test_address_of_an_organisations_own_network_is_private(address: str) -> None:
    assert is_private(address)


# Those too that are in the middle of such a network.
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd00:0ec2:0:0::254",
        "fd20:ce::254",
        "fe80::1",
        "fd00::1%eth0",
        "::ffff:10.0.0.1",
        "0.0.0.0",  # noqa: S104 - nothing listens there
        "172.32.0.1",
        "224.0.0.1",
        "8.8.8.8",
        "2600::1",
        "not an address",
        "",
    ],
)
def test_this_machine_and_the_metadata_of_a_cloud_are_not(address: str) -> None:
    assert not is_private(address)
