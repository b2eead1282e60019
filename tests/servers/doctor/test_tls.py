"""TLS: what is wrong with it is named, and the visit ends in a report and not in an exception."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from servers.doctor.checks import tls as check_tls
from servers.doctor.evidence.observations import Handshake, Observations, Trouble
from servers.doctor.findings import Finding, Level
from servers.doctor.probes import tls
from servers.doctor.visit import visit
from tests.support.browser import NO_TLS
from tests.support.doctor import EVERYBODY, at_fault, of, world
from tests.support.faulty_server import FaultyServer
from tests.support.live_server import bind
from tests.support.tls_server import Authority, authority, handshaking, server_context, serving_tls

DAY = timedelta(days=1)
# OpenSSL knows no other clock.
TODAY = datetime.now(UTC)
TROUBLES = [
    (Trouble.UNTRUSTED, "no public authority"),
    (Trouble.EXPIRED, "has expired"),
    (Trouble.NOT_YET_VALID, "not valid yet"),
    (Trouble.OTHER_HOST, "another host"),
    (Trouble.OLD_PROTOCOL, "older than 1.2"),
    (Trouble.NO_TLS, "does not speak TLS"),
]


@pytest.fixture(scope="module")
def trusted() -> Authority:
    return authority(TODAY)


def context_with(trouble: Trouble, trusted: Authority, file: Path) -> ssl.SSLContext | None:
    issuing = authority(TODAY) if trouble is Trouble.UNTRUSTED else trusted
    lives = {Trouble.EXPIRED: (-9, -1), Trouble.NOT_YET_VALID: (1, 90)}
    begins, ends = lives.get(trouble, (-1, 90))
    names = ["other.example"] if trouble is Trouble.OTHER_HOST else ["127.0.0.1"]
    certificate = issuing.issue(file, TODAY + begins * DAY, TODAY + ends * DAY, names)
    newest = ssl.TLSVersion.TLSv1_1 if trouble is Trouble.OLD_PROTOCOL else None
    return None if trouble is Trouble.NO_TLS else server_context(certificate, newest)


async def come(target: str, context: ssl.SSLContext) -> list[Finding]:
    async with httpx.AsyncClient(verify=context) as http:
        return await visit(target, EVERYBODY, world(http, look=tls.looking(context), now=TODAY), lambda _: None)


@pytest.mark.parametrize(("trouble", "named"), TROUBLES)
async def test_target_that_cannot_be_trusted_is_a_fault_in_a_report(
    trouble: Trouble, named: str, trusted: Authority, tmp_path: Path
) -> None:
    with handshaking(context_with(trouble, trusted, tmp_path / "server.pem")) as origin:
        findings = await come(f"{origin}/mcp", trusted.context)
    (finding,) = of(findings, "tls")
    assert (finding.level, finding.pitfall) == (Level.FAULT, "P-1")
    assert named in finding.says
    assert "Hosted clients" in finding.client_does
    assert at_fault(findings) == {"P-1"}
    assert of(findings, "reachable") == []


async def test_authorization_server_that_cannot_be_trusted_is_told_of_once(
    server: FaultyServer, trusted: Authority, tmp_path: Path
) -> None:
    with handshaking(context_with(Trouble.EXPIRED, trusted, tmp_path / "server.pem")) as origin:
        server.plant(authorization_server=origin)
        findings = await come(server.resource, trusted.context)
    (finding,) = [each for each in findings if each.level is Level.FAULT]
    assert finding.check == "tls"
    assert finding.says.startswith(origin)


async def test_endpoint_that_cannot_be_trusted_is_told_of_as_that_alone(server: FaultyServer) -> None:
    server.plant("token endpoint at an untrusted server")

    async def look(_: str) -> Handshake | None:
        return Handshake(Trouble.EXPIRED, "certificate has expired")

    async with httpx.AsyncClient(verify=NO_TLS) as http:
        findings = await visit(server.resource, EVERYBODY, world(http, look=look), lambda _: None, register=False)
    assert [each.check for each in findings if each.level is Level.FAULT] == ["tls"]


async def test_deployment_over_tls_is_walked_and_its_tls_told(trusted: Authority, tmp_path: Path) -> None:
    certificate = trusted.issue(tmp_path / "server.pem", TODAY - DAY, TODAY + 90 * DAY)
    listening, url = bind()
    server = FaultyServer(url.replace("http://", "https://"))
    async with server.app() as app:
        with serving_tls(app, listening, certificate):
            findings = await come(server.resource, trusted.context)
    assert at_fault(findings) == set()
    (finding,) = of(findings, "tls")
    assert "TLSv1.3" in finding.says


@pytest.mark.parametrize(("days", "level"), [(13, Level.WARNING), (15, Level.OK)])
async def test_certificate_that_expires_soon_is_a_warning(
    days: int, level: Level, trusted: Authority, tmp_path: Path
) -> None:
    certificate = trusted.issue(tmp_path / "server.pem", TODAY - DAY, TODAY + days * DAY)
    with handshaking(server_context(certificate)) as origin:
        seen = await tls.looking(trusted.context)(origin)
    assert seen is not None
    observed = Observations(f"{origin}/mcp", TODAY, handshakes={origin: seen})
    (finding,) = check_tls.check(observed, [])
    assert finding.level is level


async def test_tls_of_1_2_is_good_enough(trusted: Authority, tmp_path: Path) -> None:
    certificate = trusted.issue(tmp_path / "server.pem", TODAY - DAY, TODAY + 90 * DAY)
    with handshaking(server_context(certificate, ssl.TLSVersion.TLSv1_2)) as origin:
        seen = await tls.looking(trusted.context)(origin)
    assert seen is not None
    assert (seen.trouble, seen.version) == (None, "TLSv1.2")


async def test_nobody_at_the_port_is_no_matter_of_tls() -> None:
    listening, url = bind()
    listening.close()
    assert await tls.looking(tls.trust())(url.replace("http://", "https://")) is None


def test_plain_http_elsewhere_is_a_fault() -> None:
    (finding,) = check_tls.check(Observations("http://x.example/mcp", TODAY), EVERYBODY)
    assert (finding.check, finding.level) == ("tls", Level.FAULT)


def test_every_trouble_has_its_words() -> None:
    for trouble in Trouble:
        observed = Observations(
            "https://x.example/mcp", TODAY, handshakes={"https://x.example": Handshake(trouble, "w")}
        )
        (finding,) = check_tls.check(observed, [])
        assert (finding.level, finding.mend.endswith(".")) == (Level.FAULT, True)


def test_nothing_before_tls_1_2_is_spoken() -> None:
    assert tls.trust().minimum_version is ssl.TLSVersion.TLSv1_2
