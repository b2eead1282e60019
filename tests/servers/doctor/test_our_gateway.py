"""Our own gateway is walked: nothing is wrong with it for anybody, and nothing stays behind."""

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest

from oauth.protocol.clients import known as known_clients
from oauth.protocol.models import Registration
from servers.doctor.findings import Level
from servers.doctor.probes.sign_in import Person
from servers.doctor.visit import chosen
from tests.support.clock import SettableClock
from tests.support.databases import SqliteTemplate
from tests.support.doctor import EVERYBODY, at_fault, examine, of
from tests.support.document_server import document_server
from tests.support.gateway import USER, Gateway, running_gateway, running_supabase


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[Gateway]:
    """With the documents of the known clients where they are published."""
    folder, clock = tmp_path_factory.mktemp("doctor"), SettableClock()
    with document_server(folder) as hosts:
        for url, document in known_clients.load().documents.items():
            keys = {"token_endpoint_auth_method": "none", "jwks_uri": None}
            hosts.publish(url, {name: value for name, value in {**document, **keys}.items() if value is not None})
        with (
            running_supabase(folder / "supabase", clock) as supabase,
            sqlite_template.database(folder) as url,
            running_gateway(url, supabase, clock, network=hosts.network()) as running,
        ):
            yield running


@pytest.mark.parametrize("profile", [profile.name for profile in EVERYBODY])
async def test_our_gateway_has_nothing_wrong_for_a_known_client(gateway: Gateway, profile: str) -> None:
    findings = await examine(f"{gateway.url}/mcp", chosen([profile]))
    assert [each for each in findings if each.level is not Level.OK] == []


def test_our_gateway_is_walked_with_a_person(gateway: Gateway) -> None:
    browser = gateway.browser()

    def go(url: str) -> None:
        def sign_in_and_agree() -> None:
            httpx.get(browser.connect(url, USER.email, USER.password).headers["location"])

        threading.Thread(target=sign_in_and_agree, daemon=True).start()

    findings = asyncio.run(examine(f"{gateway.url}/mcp", chosen(["cursor"]), person=Person(go)))
    assert [each for each in findings if each.level is not Level.OK] == []
    assert {"audience", "call", "protocol", "refresh", "revocation", "step_up"} <= {each.check for each in findings}
    assert "2026-07-28" in of(findings, "protocol")[0].says
    assert "whoami" in of(findings, "step_up")[-1].says
    assert _dynamic_clients(gateway) == set()


# P-3
def test_visits_leave_no_registration_behind(gateway: Gateway) -> None:
    before = _dynamic_clients(gateway)
    for _ in range(2):
        findings = asyncio.run(examine(f"{gateway.url}/mcp"))
        assert "P-3" not in at_fault(findings)
        (registered,) = of(findings, "registration")
        assert "could not remove" not in registered.says
    assert _dynamic_clients(gateway) == before


def _dynamic_clients(gateway: Gateway) -> set[str]:
    found = gateway.store(lambda store: store.clients.newest(1000))
    return {client.client_id for client in found if client.registration is Registration.DYNAMIC}
