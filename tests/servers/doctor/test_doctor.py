"""The doctor names what keeps a client out: each of P-1 to P-18 that shows from outside, planted one at a time.

What does not show from outside: P-3 (registrations that pile up are the server's own affair; the doctor removes its
own), P-17 (one public and one private tool are a wish, not a fault of an answer)."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from oauth import known_clients
from oauth.models import Registration
from servers.doctor import profiles, report
from servers.doctor.findings import Finding, Level
from servers.doctor.login import login
from servers.doctor.visit import Unusable, chosen, target_of, visit
from servers.doctor.walk import Visitor, walk
from tests.support.clock import SettableClock
from tests.support.command_line import Run
from tests.support.databases import SqliteTemplate
from tests.support.document_server import document_server
from tests.support.faulty_server import FaultyServer
from tests.support.gateway import USER, Gateway, running_gateway, running_supabase
from tests.support.live_server import bind, serving

EVERYBODY = profiles.load()


@pytest.fixture(scope="module")
def _running() -> Iterator[FaultyServer]:
    listening, url = bind()
    server = FaultyServer(url)
    with serving(server.app, listening):
        yield server


@pytest.fixture
def server(_running: FaultyServer) -> FaultyServer:
    """Somebody else's deployment, sound as yet."""
    _running.faults, _running.delay = frozenset(), 0.0
    return _running


async def examine(server: FaultyServer, *, sign_in: bool = False) -> list[Finding]:
    async with httpx.AsyncClient() as http:
        opened = _person(server) if sign_in else None
        return await visit(server.resource, EVERYBODY, http, lambda _: None, open_browser=opened)


def _person(server: FaultyServer) -> Callable[[str], object]:
    """Who says yes as soon as the page is there."""

    def go(url: str) -> None:
        def visit_it() -> None:
            httpx.get(url, follow_redirects=True)

        threading.Thread(target=visit_it, daemon=True).start()

    assert server.url
    return go


def at_fault(findings: list[Finding]) -> set[str]:
    return {each.pitfall or each.check for each in findings if each.level is not Level.OK}


async def test_sound_deployment_has_nothing_wrong_for_anybody(server: FaultyServer) -> None:
    assert at_fault(await examine(server, sign_in=True)) == set()


# P-1, P-4 to P-10, P-13, P-15, P-16, P-18
@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("HTML errors", "P-1"),
        ("token redirects", "P-1"),
        ("403 instead of 401", "P-1"),
        ("no challenge", "P-1"),
        ("resource of another host", "P-1"),
        ("no resource metadata", "P-1"),
        ("no authorization server", "P-1"),
        ("no server metadata", "P-1"),
        ("issuer of another host", "P-1"),
        ("no S256", "P-1"),
        ("no registration", "P-1"),
        ("documents cannot be fetched", "P-4"),
        ("resource with a slash", "P-5"),
        ("issuer with a slash", "P-5"),
        ("root names another resource", "P-6"),
        ("loopback port refused", "P-7"),
        ("localhost refused", "P-7"),
        ("issuer with a path", "P-8"),
        ("no scopes", "P-9"),
        ("guest instead of 401", "P-10"),
        ("bad token is a guest", "P-10"),
        ("dead client is invalid_grant", "P-13"),
        ("empty page", "P-13"),
        ("429 without Retry-After", "P-15"),
        ("errors without a code", "P-16"),
        ("no error code in challenge", "P-16"),
        ("redirect to a slash", "P-18"),
        ("redirect from a slash", "P-18"),
        ("no iss", "iss"),
        ("documents without none", "documents"),
        ("no key set", "jwks"),
        ("open redirect", "open_redirect"),
        ("no CORS", "cors"),
    ],
)
async def test_planted_fault_is_named(server: FaultyServer, planted: str, named: str) -> None:
    server.faults = frozenset({planted})
    findings = await examine(server)
    assert named in at_fault(findings), findings
    for each in findings:
        if each.level is not Level.OK:
            assert each.says.endswith(".")
            assert each.client_does.endswith(".")
            assert each.mend.endswith(".")


# P-1, P-2, P-10 to P-12, P-14
@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("own token refused", "P-1"),
        ("code refused", "P-1"),
        ("another state", "P-1"),
        ("another iss in answers", "P-1"),
        ("refresh race", "P-2"),
        ("no refresh token", "P-10"),
        ("sessions", "P-11"),
        ("token without audience", "P-12"),
        ("foreign resource", "P-12"),
        ("revocation does nothing", "revocation"),
    ],
)
async def test_fault_that_shows_only_after_signing_in_is_named(server: FaultyServer, planted: str, named: str) -> None:
    server.faults = frozenset({planted})
    assert at_fault(await examine(server, sign_in=True)) == {named}


# P-14
async def test_browser_that_never_comes_back_is_told_of(server: FaultyServer) -> None:
    server.faults = frozenset({"browser is never sent back"})
    async with httpx.AsyncClient() as http:
        visitor = Visitor(http)
        seen = await walk(server.resource, EVERYBODY, visitor, lambda _: None, register=False)
        findings = await login(seen, visitor, _person(server), lambda _: None, patience=0.5)
    assert at_fault(findings) == {"P-14"}


# P-1
async def test_answer_that_takes_too_long_is_told_with_its_time(server: FaultyServer) -> None:
    server.delay = 0.2
    hasty = [replace(profile, seconds=0.1) for profile in EVERYBODY]
    async with httpx.AsyncClient() as http:
        findings = await visit(server.resource, hasty, http, lambda _: None, register=False)
    (slow, *_) = [each for each in findings if each.check == "time"]
    assert (slow.pitfall, slow.level) == ("P-1", Level.FAULT)
    assert "took 0." in slow.says


async def test_finding_of_some_clients_names_them(server: FaultyServer) -> None:
    server.faults = frozenset({"localhost refused"})
    concerned = [each.clients for each in await examine(server) if each.level is Level.FAULT]
    assert sorted(concerned) == [("cursor",), ("gemini",), ("inspector",)]


async def test_deployment_that_cannot_be_reached_is_told_of() -> None:
    listening, url = bind()
    listening.close()
    async with httpx.AsyncClient() as http:
        with pytest.raises(Unusable, match="cannot be reached"):
            await visit(f"{url}/mcp", EVERYBODY, http, lambda _: None)


# -- ours


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
    async with httpx.AsyncClient() as http:
        findings = await visit(f"{gateway.url}/mcp", chosen([profile]), http, lambda _: None)
    assert [each for each in findings if each.level is not Level.OK] == []


def test_our_gateway_is_walked_with_a_person(gateway: Gateway) -> None:
    browser = gateway.browser()

    def go(url: str) -> None:
        def sign_in_and_agree() -> None:
            httpx.get(browser.connect(url, USER.email, USER.password).headers["location"])

        threading.Thread(target=sign_in_and_agree, daemon=True).start()

    async def come() -> list[Finding]:
        async with httpx.AsyncClient() as http:
            return await visit(f"{gateway.url}/mcp", chosen(["cursor"]), http, lambda _: None, open_browser=go)

    findings = asyncio.run(come())
    assert [each for each in findings if each.level is not Level.OK] == []
    assert {"audience", "call", "refresh"} <= {each.check for each in findings}
    assert "mcp-auth doctor" not in {client.name for client in gateway.store(lambda store: store.clients(1000))}


def test_visit_leaves_no_registration_behind(gateway: Gateway) -> None:
    async def come() -> None:
        async with httpx.AsyncClient() as http:
            await visit(f"{gateway.url}/mcp", EVERYBODY, http, lambda _: None)

    before = _dynamic_clients(gateway)
    asyncio.run(come())
    assert _dynamic_clients(gateway) == before


# -- the command


def test_command_tells_one_line_a_check_and_ends_with_the_count(run: Run, server: FaultyServer) -> None:
    status, out, _ = run("doctor", server.url, "--as", "cursor")
    assert status == 0
    assert out.startswith(f"{server.resource}\nas cursor\n")
    assert out.endswith("\nno faults, no warnings.\n")


def test_command_answers_programs_in_json_and_with_its_status(run: Run, server: FaultyServer) -> None:
    server.faults = frozenset({"bad token is a guest"})
    status, out, _ = run("doctor", server.resource, "--json", "--as", "claude", "--as", "vscode")
    told = json.loads(out)
    assert (status, told["sound"], told["clients"]) == (1, False, ["claude", "vscode"])
    assert [each["pitfall"] for each in told["findings"] if each["level"] == "fault"] == ["P-10"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ftp://x.example"], "is no web address"),
        (["x"], "is no web address"),
        (["http://127.0.0.1:9/mcp"], "cannot be reached"),
        (["https://x.example/mcp", "--as", "netscape"], "There is no client netscape: choose among claude"),
    ],
)
def test_visit_that_cannot_be_made_is_told_in_a_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    status, out, err = run("doctor", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err


def test_without_a_url_it_is_the_deployment_of_the_settings(run: Run) -> None:
    status, _, err = run("doctor")
    assert status == 2
    assert "MCP_AUTH_PUBLIC_URL is not set" in err


def test_bare_origin_means_its_mcp_endpoint() -> None:
    assert target_of("https://x.example") == "https://x.example/mcp"
    assert target_of("https://x.example/") == "https://x.example/mcp"
    assert target_of("https://x.example/tools/mcp") == "https://x.example/tools/mcp"


def test_report_says_no_more_than_was_found() -> None:
    finding = Finding("x", Level.WARNING, "It is so.", "It waits.", "Do this.", ("claude",), "P-1")
    told = report.text("https://x.example/mcp", ["claude"], [finding])
    assert "WARNING  x: It is so.  [claude]  (P-1)" in told
    assert told.endswith("no faults, 1 warning.\n")


def test_profiles_are_data_that_the_help_lists(run: Run) -> None:
    _, out, _ = run("doctor", "--help")
    assert all(profile.name in out for profile in EVERYBODY)
    assert Path(profiles.__file__).with_suffix(".json").exists()


def _dynamic_clients(gateway: Gateway) -> set[str]:
    found = gateway.store(lambda store: store.clients(1000))
    return {client.client_id for client in found if client.registration is Registration.DYNAMIC}
