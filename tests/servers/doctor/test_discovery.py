"""Each client is judged by the documents that it ends up with itself, in its own order."""

import json
from collections.abc import Mapping

import pytest

from servers.doctor.checks import discovery as check_discovery
from servers.doctor.checks import endpoints, redirects
from servers.doctor.checks import server as check_server
from servers.doctor.evidence import discovery
from servers.doctor.evidence.documents import Document, is_url, origin, shown
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.findings import Finding, Level
from servers.doctor.visit import chosen
from tests.support.doctor import EVERYBODY, NOW, at_fault, examine, of
from tests.support.faulty_server import FaultyServer

TARGET = "https://x.example/mcp"
ISSUER = "https://x.example"
WELL_KNOWN = "https://x.example/.well-known"
SERVER = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "registration_endpoint": f"{ISSUER}/register",
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}


def answer(url: str, document: object = None, **more: str) -> Answer:
    return Answer("GET", url, 404 if document is None else 200, text=json.dumps(document), **more)  # type: ignore[arg-type]


def seen(resource: Mapping[str, object], server: Mapping[str, object] | None = None, **more: object) -> Observations:
    """resource: by place, what the metadata there says the resource is. server: by place, the metadata."""
    observed = Observations(TARGET, NOW, unauthenticated=Answer("POST", TARGET, 401), **more)  # type: ignore[arg-type]
    observed.resource_metadata = {
        place: answer(f"{WELL_KNOWN}/{place}", None if named is None else {"resource": named, **_servers(named)})
        for place, named in resource.items()
    }
    servers = {"oauth": SERVER} if server is None else server
    observed.server_metadata = {
        ISSUER: {place: answer(f"{WELL_KNOWN}/{place}", found) for place, found in servers.items()}
    }
    observed.server = Document(SERVER)
    return observed


def _servers(named: object) -> dict[str, object]:
    return {"authorization_servers": [ISSUER]} if isinstance(named, str) else {}


def judged(observed: Observations, *clients: str) -> list[Finding]:
    profiles = chosen(clients)
    return [each for module in (check_discovery, check_server) for each in module.check(observed, profiles)]


def faults(findings: list[Finding]) -> dict[str, tuple[str, ...]]:
    """By check, whom it concerns."""
    found: dict[str, tuple[str, ...]] = {}
    for each in findings:
        if each.level is Level.FAULT:
            found[each.check] = (*found.get(each.check, ()), *each.clients)
    return found


# -- the resource


def test_client_takes_the_first_document_in_its_own_order() -> None:
    observed = seen({"challenge": TARGET, "path": "https://other.example/mcp", "root": None})
    assert faults(judged(observed, "claude")) == {}


def test_document_that_no_client_gets_to_is_a_warning_at_most() -> None:
    observed = seen({"challenge": TARGET, "path": "https://other.example/mcp", "root": f"{ISSUER}/other"})
    findings = judged(observed)
    assert faults(findings) == {}
    assert {each.pitfall for each in of(findings, "resource") if each.level is Level.WARNING} == {"P-1", "P-6"}


# P-6
def test_root_of_another_resource_is_a_fault_for_those_who_get_there() -> None:
    observed = seen({"path": None, "root": f"{ISSUER}/other"})
    findings = judged(observed, "claude", "chatgpt")
    assert faults(findings) == {"resource": ("claude",), "discovery": ("chatgpt",)}
    assert [each.pitfall for each in of(findings, "resource")] == ["P-6"]


def test_client_that_goes_by_the_challenge_alone_finds_nothing_elsewhere() -> None:
    observed = seen({"challenge": None, "path": TARGET})
    findings = judged(observed, "inspector", "claude")
    assert faults(findings) == {"discovery": ("inspector",)}
    assert {each.level for each in of(findings, "discovery")} == {Level.WARNING, Level.FAULT, Level.OK}


def test_client_that_passes_over_documents_of_others_is_spared() -> None:
    observed = seen({"challenge": "https://other.example/mcp", "path": TARGET})
    assert faults(judged(observed, "vscode", "claude")) == {"resource": ("claude",)}


@pytest.mark.parametrize(
    ("named", "refusing"),
    [
        (TARGET, set()),
        (ISSUER, {"claude", "claude-code", "chatgpt", "vscode", "gemini"}),
        (f"{ISSUER}/", {"claude", "claude-code", "chatgpt", "vscode", "gemini"}),
        (f"{TARGET}/", {profile.name for profile in EVERYBODY}),
        (f"{TARGET}/more", {profile.name for profile in EVERYBODY}),
        (f"{ISSUER}/mc", {profile.name for profile in EVERYBODY}),
        ("http://x.example/mcp", {profile.name for profile in EVERYBODY}),
        ("https://[", {profile.name for profile in EVERYBODY}),
        (7, {profile.name for profile in EVERYBODY}),
        (None, {profile.name for profile in EVERYBODY}),
    ],
)
def test_clients_differ_in_what_they_take_for_the_resource(named: object, refusing: set[str]) -> None:
    observed = seen({"challenge": named})
    concerned = faults(judged(observed))
    assert set(concerned.get("resource", concerned.get("discovery", ()))) == refusing


# P-5
def test_resource_with_another_slash_is_named_as_that() -> None:
    (finding,) = of(judged(seen({"challenge": f"{TARGET}/"}), "claude"), "resource")
    assert (finding.level, finding.pitfall) == (Level.FAULT, "P-5")


async def test_metadata_at_the_root_alone_is_not_found_by_those_who_do_not_look(server: FaultyServer) -> None:
    server.plant("metadata at the root alone", "no challenge")
    findings = await examine(server.resource)
    assert faults(findings) == {"discovery": ("chatgpt",)}


async def test_without_metadata_the_same_origin_is_gone_by_as_older_clients_do(server: FaultyServer) -> None:
    server.plant("no resource metadata")
    findings = await examine(server.resource)
    assert {each.check for each in findings if each.level is Level.FAULT} == {"discovery"}
    assert of(findings, "dead_client")[0].level is Level.OK


# -- the authorization server


def test_client_is_judged_by_the_server_document_that_it_gets_to() -> None:
    other = {**SERVER, "issuer": "https://other.example"}
    findings = judged(seen({"challenge": TARGET}, {"oauth": SERVER, "openid": other}))
    assert faults(findings) == {}
    (finding,) = of(findings, "same_everywhere")
    assert (finding.level, "issuer" in finding.says) == (Level.WARNING, True)


def test_issuer_of_the_document_that_is_found_has_to_be_the_one_that_is_named() -> None:
    observed = seen({"challenge": TARGET}, {"oauth": None, "openid": {**SERVER, "issuer": f"{ISSUER}/"}})
    findings = judged(observed)
    assert set(faults(findings)["issuer"]) == {profile.name for profile in EVERYBODY}
    assert {each.pitfall for each in of(findings, "issuer")} == {"P-5"}


# P-8
def test_issuer_with_a_path_is_found_by_those_who_look_where_it_is() -> None:
    observed = seen({"challenge": TARGET})
    issuer = f"{ISSUER}/tenant"
    observed.resource_metadata["challenge"] = answer(TARGET, {"resource": TARGET, "authorization_servers": [issuer]})
    appended = answer(f"{issuer}/.well-known/openid-configuration", {**SERVER, "issuer": issuer})
    observed.server_metadata = {issuer: {"oauth": answer("a"), "openid": answer("b"), "openid_appended": appended}}
    findings = judged(observed)
    assert set(faults(findings)["discovery"]) == {"claude", "chatgpt"}
    assert at_fault(findings) == {"P-8"}


def test_metadata_of_another_tenant_at_the_root_is_nobodys_fault() -> None:
    observed = seen({"challenge": TARGET})
    issuer = f"{ISSUER}/tenant"
    observed.resource_metadata["challenge"] = answer(TARGET, {"resource": TARGET, "authorization_servers": [issuer]})
    own = answer("https://x.example/a", {**SERVER, "issuer": issuer})
    observed.server_metadata = {
        issuer: {"oauth": own, "openid": own, "openid_appended": own, "oauth_root": answer("b", SERVER)}
    }
    assert at_fault(of(judged(observed), "same_everywhere")) == set()


# -- what the documents are made of


# P-18
def test_endpoints_over_plain_http_are_named_where_the_issuer_is_https() -> None:
    observed = seen({"challenge": TARGET})
    observed.server = Document({**SERVER, "token_endpoint": "http://x.example/token"})
    (finding,) = endpoints.check(observed, EVERYBODY)
    assert (finding.level, finding.pitfall) == (Level.FAULT, "P-18")
    assert "token_endpoint" in finding.says


# P-18
def test_metadata_that_is_redirected_to_plain_http_is_a_fault() -> None:
    observed = seen({})
    url = f"{WELL_KNOWN}/oauth-protected-resource/mcp"
    observed.resource_metadata = {"path": answer(url, {"resource": TARGET}, moved_to=url.replace("https", "http"))}
    (finding,) = redirects.check(observed, EVERYBODY)
    assert (finding.level, finding.pitfall) == (Level.FAULT, "P-18")


@pytest.mark.parametrize(
    "value",
    [
        *(None, 7, True, [], {}, "", "x", "/token", "//x.example/a", "ftp://x.example", "https://", "https://[::1"),
        *("https://x.example:99999/", "https://x.example:0/", "https://x example/", "https://x.example/\n"),
        *("https://user:word@x.example/", "https://ü.example/", "javascript:alert(1)", "https://x/" + "a" * 3000),
    ],
)
def test_what_is_no_url_is_none(value: object) -> None:
    assert not is_url(value)
    assert Document({"url": value}).url("url") is None


def test_origins_are_compared_in_one_spelling() -> None:
    assert origin("HTTPS://X.Example:443/a") == origin("https://x.example/b") == "https://x.example"
    assert origin("http://[::1]:8000/a") == "http://[::1]:8000"


def test_url_is_shown_without_what_may_be_secret() -> None:
    assert shown("https://x.example/cb?code=secret#more") == "https://x.example/cb"


def test_document_gives_what_is_of_the_right_type() -> None:
    document = Document({"a": ["x", 1, None], "b": "x", "c": 1, "d": True})
    assert document.strings("a") == ("x",)
    assert (document.strings("b"), document.text("c"), document.confirms("c"), document.confirms("d")) == (
        (),
        None,
        False,
        True,
    )


def test_first_server_is_whatever_is_named_first() -> None:
    assert discovery.first_server(Document({"authorization_servers": [7]})) == 7
    assert discovery.first_server(Document({"authorization_servers": "https://x.example"})) is None
