"""Whatever a server answers, and however long it takes: the visit ends soon, in a report."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from servers.doctor import report
from servers.doctor.evidence import challenges
from servers.doctor.findings import Finding, Level
from servers.doctor.visit import Unusable, visit
from tests.support.doctor import EVERYBODY, agreeing, examine, of, world
from tests.support.faulty_server import FaultyServer
from tests.support.nonsense_server import NONSENSE, talking

PATIENCE = 0.3
LONGEST = 20.0  # seconds: each origin may be slow a few times


@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense_where_metadata_should_be_ends_in_a_report(name: str) -> None:
    began = time.perf_counter()
    async with talking(*NONSENSE[name]) as url:
        findings = await examine(f"{url}/mcp", patience=PATIENCE, person=agreeing())
    assert time.perf_counter() - began < LONGEST
    assert Level.FAULT in {each.level for each in findings}
    report.text(url, [], findings).encode()


@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense_at_the_target_ends_in_a_report_or_a_sentence(name: str) -> None:
    began = time.perf_counter()
    async with talking(*NONSENSE[name], sound_target=False) as url:
        told = await _told(f"{url}/mcp")
    assert "cannot be reached" in told or "FAULT" in told
    assert time.perf_counter() - began < LONGEST


async def _told(target: str) -> str:
    try:
        return report.text(target, [], await examine(target, patience=PATIENCE))
    except Unusable as problem:
        return str(problem)


URLS = (
    "https://x.example",
    "http://x.example/mcp",
    "https://x.example/tenant/",
    "https://[::1",
    "/relative",
    "HTTPS://X",
)
MEMBERS = (
    *("resource", "authorization_servers", "scopes_supported", "issuer", "authorization_endpoint", "token_endpoint"),
    *("registration_endpoint", "revocation_endpoint", "jwks_uri", "response_types_supported", "keys", "client_id"),
    *("code_challenge_methods_supported", "token_endpoint_auth_methods_supported", "error", "error_description"),
    *("client_id_metadata_document_supported", "registration_client_uri", "registration_access_token", "result"),
    *("access_token", "refresh_token", "scope", "expires_in", "tools", "protocolVersion"),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(URLS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=12)
HEADERS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120)


def visited(documents: Mapping[str, dict[str, Any]], header: str) -> list[Finding]:
    """A visit of a deployment that says those things, each in its place."""
    status = {"mcp": 401, "register": 201}

    async def say(request: Request) -> Response:
        place = next((name for name in documents if name in request.url.path), "token")
        headers = {"WWW-Authenticate": header} if place == "mcp" else {}
        body = json.dumps(documents[place])
        return Response(body, status.get(place, 200), headers, "application/json")

    app = Starlette(routes=[Route("/{path:path}", say, methods=["GET", "POST", "DELETE", "OPTIONS"])])

    async def come() -> list[Finding]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
            return await visit("https://x.example/mcp", EVERYBODY, world(http), lambda _: None)

    return asyncio.run(come())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    resource=DOCUMENTS,
    server=DOCUMENTS,
    register=DOCUMENTS,
    token=DOCUMENTS,
    mcp=DOCUMENTS,
    header=HEADERS,
    guided=st.booleans(),
)
def test_no_metadata_makes_the_doctor_fall_over(
    resource: dict[str, Any],
    server: dict[str, Any],
    register: dict[str, Any],
    token: dict[str, Any],
    mcp: dict[str, Any],
    header: str,
    guided: bool,
) -> None:
    if guided:  # so that it comes further than the first document
        resource = {"authorization_servers": ["https://x.example"], **resource}
        endpoints = {
            f"{name}_endpoint": f"https://x.example/{name}" for name in ("authorization", "registration", "token")
        }
        server, register = endpoints | server, {"client_id": "c", **register}
    documents = {
        "oauth-protected-resource": resource,
        "oauth-authorization-server": server,
        "openid-configuration": server,
        "registration": register,
        "token": token,
        "mcp": mcp,
    }
    findings = visited(documents, header)
    report.text("x", [], findings).encode()
    json.loads(report.as_json("x", [], findings))
    assert "None" not in {each.says.rpartition("/")[2] for each in findings}


@given(HEADERS)
def test_no_challenge_is_too_odd_to_be_read(header: str) -> None:
    challenges.parse(header)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ('Bearer resource_metadata="https://x.example/a", scope="a b"', "https://x.example/a"),
        ("bearer resource_metadata=https://x.example/a,scope=a", "https://x.example/a"),
        ('DPoP algs="ES256", Bearer realm="a, b", resource_metadata = "https://x.example/a"', "https://x.example/a"),
        (r'Bearer error_description="say \"x\"", resource_metadata="https://x.example/a"', "https://x.example/a"),
        ("Bearer", None),
        ('Bearer resource_metadata="unfinished', None),
        ("", None),
    ],
)
def test_challenge_is_read_as_leniently_as_clients_do(header: str, named: str | None) -> None:
    assert challenges.parse(header).parameters.get("resource_metadata") == named


def test_challenge_tells_its_form() -> None:
    assert challenges.parse('Bearer scope="a b"').scopes == ("a", "b")
    assert challenges.parse("bearer").leads
    second = challenges.parse('Basic realm="x", Bearer scope=a')
    assert (second.is_bearer, second.leads, second.unquoted) == (True, False, frozenset({"scope"}))
    assert not challenges.parse('Basic realm="Bearer x"').is_bearer


async def test_endpoint_that_is_not_there_is_not_asked_for_under_the_name_none(server: FaultyServer) -> None:
    server.plant("no token endpoint")
    findings = await examine(server.resource)
    assert [each.says for each in of(findings, "endpoints")] == ["The server's metadata has no token_endpoint."]
    assert of(findings, "reachable") == []
