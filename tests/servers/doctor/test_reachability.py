"""Hosted clients call from their vendor's cloud: what they cannot reach, and what is no business of a stranger's."""

from collections.abc import Sequence

import httpx
import pytest

from servers.doctor.checks import tls
from servers.doctor.evidence.observations import Handshake, Observations
from servers.doctor.findings import Level
from servers.doctor.probes import addresses
from servers.doctor.probes.addresses import Reach, Resolve, reach
from servers.doctor.visit import chosen, visit
from tests.support.browser import NO_TLS
from tests.support.doctor import EVERYBODY, NOW, at_fault, examine, of, somewhere, world
from tests.support.faulty_server import FaultyServer

HOSTED = ("claude", "chatgpt")


def leading_to(*found: str) -> Resolve:
    async def resolve(_: str) -> Sequence[str]:
        return found

    return resolve


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("93.184.215.14",), Reach.EVERYWHERE),
        (("93.184.215.14", "2606:2800:21f::1"), Reach.EVERYWHERE),
        (("2606:2800:21f::1",), Reach.IPV6),
        (("10.0.0.1",), Reach.THIS_NETWORK),
        (("192.168.1.1", "93.184.215.14"), Reach.THIS_NETWORK),
        (("172.16.0.1",), Reach.THIS_NETWORK),
        (("100.64.0.1",), Reach.THIS_NETWORK),
        (("169.254.169.254",), Reach.THIS_NETWORK),
        (("fd00::1",), Reach.THIS_NETWORK),
        (("fe80::1%eth0",), Reach.THIS_NETWORK),
        (("224.0.0.1",), Reach.THIS_NETWORK),
        (("what is this",), Reach.THIS_NETWORK),
        (("127.0.0.1",), Reach.THIS_MACHINE),
        (("::1",), Reach.THIS_MACHINE),
        (("0.0.0.0",), Reach.THIS_MACHINE),  # noqa: S104 - nobody listens
        ((), Reach.UNKNOWN),
    ],
)
def test_reach_of_addresses_is_the_least_of_all(found: tuple[str, ...], expected: Reach) -> None:
    assert reach(found) is expected


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (("127.0.0.1",), Level.WARNING),
        (("10.0.0.1",), Level.FAULT),
        (("100.64.0.1",), Level.FAULT),
        (("2606:2800:21f::1",), Level.WARNING),
        (("93.184.215.14",), Level.OK),
    ],
)
async def test_hosted_clients_are_told_of_addresses_that_they_cannot_reach(
    server: FaultyServer, found: tuple[str, ...], level: Level
) -> None:
    findings = await examine(server.resource, register=False, resolve=leading_to(*found))
    (finding,) = of(findings, "reachable_from_outside")
    assert finding.level is level
    assert level is Level.OK or finding.clients == HOSTED
    assert at_fault(findings) == (set() if level is Level.OK else {"P-1"})


async def test_clients_on_the_persons_machine_are_not_concerned(server: FaultyServer) -> None:
    local = [profile for profile in EVERYBODY if not profile.is_hosted]
    findings = await examine(server.resource, local, register=False, resolve=leading_to("10.0.0.1"))
    assert of(findings, "reachable_from_outside") == []
    assert {profile.name for profile in EVERYBODY if profile.is_hosted} == set(HOSTED)


def test_each_origin_is_looked_at() -> None:
    observed = Observations("https://x.example/mcp", NOW)
    observed.addresses = {"https://x.example": ("93.184.215.14",), "https://auth.example": ("10.0.0.7",)}
    findings = list(tls.check(observed, chosen(["claude"])))
    (wrong,) = [each for each in findings if each.level is Level.FAULT]
    assert wrong.says.startswith("auth.example is, seen from here, 10.0.0.7")


async def test_origins_of_endpoints_are_looked_at_as_well(server: FaultyServer) -> None:
    server.plant("revocation elsewhere")

    async def resolve(host: str) -> Sequence[str]:
        return ("10.0.0.9",) if host == "elsewhere.example" else await somewhere(host)

    findings = of(await examine(server.resource, register=False, resolve=resolve), "reachable_from_outside")
    assert [each.says for each in findings if each.level is Level.FAULT] == [
        "elsewhere.example is, seen from here, 10.0.0.9: an address of a private network."
    ]


async def test_name_that_leads_nowhere_has_no_addresses() -> None:
    assert await addresses.resolve("does-not-exist.invalid") == ()
    assert await addresses.resolve("127.0.0.1") == ("127.0.0.1",)
    assert await addresses.resolve("x" * 300) == ()


# SSRF
@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
async def test_nothing_of_this_network_is_asked_because_a_server_elsewhere_names_it(
    server: FaultyServer, inside: str
) -> None:
    other = FaultyServer(server.url)
    server.plant(authorization_server=other.url.replace("127.0.0.1", "localhost"))

    async def resolve(host: str) -> Sequence[str]:
        return await somewhere(host) if host == "127.0.0.1" else (inside,)

    findings = await examine(server.resource, resolve=resolve)
    assert server.asked["server_metadata"] == 0
    (finding,) = of(findings, "reachable")
    assert "on the word of a server elsewhere" in finding.says


async def test_tls_of_this_network_is_not_looked_at_because_a_server_elsewhere_names_it(server: FaultyServer) -> None:
    server.plant("revocation elsewhere")
    looked_at: list[str] = []

    async def resolve(host: str) -> Sequence[str]:
        return ("10.0.0.9",) if host == "elsewhere.example" else await somewhere(host)

    async def look(origin: str) -> Handshake | None:
        looked_at.append(origin)
        return None

    async with httpx.AsyncClient(verify=NO_TLS) as http:
        await visit(server.resource, EVERYBODY, world(http, resolve=resolve, look=look), lambda _: None)
    assert looked_at == []


async def test_what_a_server_of_this_network_names_there_is_asked(server: FaultyServer) -> None:
    server.plant(authorization_server=server.url.replace("127.0.0.1", "localhost"))
    await examine(server.resource, resolve=leading_to("127.0.0.1"))
    assert server.asked["server_metadata"] > 0
