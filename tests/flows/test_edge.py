"""What holds for every answer, whichever way it was asked for: addresses, origins, methods."""

import socket
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.clock import SettableClock
from tests.support.gateway import Gateway, RunningSupabase, running_gateway

PAGES = ("/authorize", "/signin", "/signout", "/consent")
PROGRAMS = ("/token", "/revoke", "/introspect", "/par", "/register")
API = ("/api/v1/users/me", "/api/v1/auth/config", "/api/v1/auth/delete-account")


# D-1, D-17, F-32: a 307 would have the secret or password posted again, to wherever Host and the proxy's scheme lead.
@pytest.mark.parametrize("path", [*PAGES, *PROGRAMS, *API, "/.well-known/oauth-authorization-server"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_slash_too_many_is_nowhere_and_redirects_nobody(sqlite_gateway: Gateway, method: str, path: str) -> None:
    form = {"client_id": "x", "client_secret": "cs_x", "password": "x"} if method == "POST" else None
    answer = httpx.request(method, f"{sqlite_gateway.url}{path}/", data=form)
    assert "location" not in answer.headers
    assert answer.status_code in {404, 405}


def test_slash_too_few_redirects_nobody(sqlite_gateway: Gateway) -> None:
    answer = httpx.get(f"{sqlite_gateway.url}/api")
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


# P-5: who typed the address of a server with a slash at the end asks for its document with one.
@pytest.mark.parametrize("path", ["/mcp", "/mcp-admin", "/api"])
def test_document_of_a_resource_is_at_the_address_with_a_slash_too(sqlite_gateway: Gateway, path: str) -> None:
    well_known = f"{sqlite_gateway.url}/.well-known/oauth-protected-resource{path}"
    plain, slashed = httpx.get(well_known), httpx.get(f"{well_known}/", headers={"Origin": "https://app.example"})
    assert (slashed.status_code, slashed.content) == (200, plain.content)
    assert slashed.headers["access-control-allow-origin"] == "*"


DOCUMENTS = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/.well-known/oauth-protected-resource/mcp",
)


# F-20: a cache that has the document from a program hands it on to a page.
@pytest.mark.parametrize("path", DOCUMENTS)
def test_document_is_the_same_answer_for_pages_and_programs(sqlite_gateway: Gateway, path: str) -> None:
    program = httpx.get(f"{sqlite_gateway.url}{path}")
    page = httpx.get(f"{sqlite_gateway.url}{path}", headers={"Origin": "https://app.example"})
    assert "public" in program.headers["cache-control"]
    for answer in (program, page):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers


# F-20: whose answer depends on who asks says so, for caches.
@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}])
def test_answer_that_depends_on_the_origin_says_so(sqlite_gateway: Gateway, headers: dict[str, str]) -> None:
    for answer in (
        httpx.get(f"{sqlite_gateway.url}/api/v1/auth/config", headers=headers),
        httpx.post(f"{sqlite_gateway.url}/mcp", headers=headers),
    ):
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-origin" not in answer.headers


# F-20, STD-98: whatever goes wrong, a browser client reads what.
def test_every_error_of_the_endpoints_for_programs_can_be_read_by_pages(sqlite_gateway: Gateway) -> None:
    with httpx.Client(base_url=sqlite_gateway.url, headers={"Origin": "https://app.example"}) as page:
        answers = {
            400: page.post("/token", data={"client_id": "x"}),
            401: page.post("/revoke", data={"client_id": "x", "token": "x"}),
            405: page.get("/par"),
            413: page.post("/token", content=b"x" * 70_000),
        }
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    for answer in answers.values():
        assert answer.headers["access-control-allow-origin"] == "*"


# STD-50
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", [*PAGES, "/signin/callback", "/introspect"])
def test_no_other_site_reads_a_page(sqlite_gateway: Gateway, method: str, path: str) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.request(method, f"{sqlite_gateway.url}{path}", headers=asked)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


# RFC 9110 §4.2: a host's name has no case, and the implied port may be written out.
def test_public_host_is_known_in_every_spelling(
    sqlite_gateway: Gateway, sqlite_url: str, supabase: RunningSupabase, clock: SettableClock
) -> None:
    public = replace(sqlite_gateway, url="https://mcp.example.com")
    with running_gateway(sqlite_url, supabase, clock, as_node_of=public) as node:

        def status(host: str) -> int:
            return httpx.get(f"{node.listens_at}/.well-known/jwks.json", headers={"Host": host}).status_code

        spellings = ("mcp.example.com", "MCP.Example.com", "mcp.example.com:443")
        assert {spelling: status(spelling) for spelling in spellings} == dict.fromkeys(spellings, 200)
        foreign = ("mcp.example.com:80", "mcp.example.com.", "mcp.example.com.evil.example", "example.com", "")
        assert {host: status(host) for host in foreign} == dict.fromkeys(foreign, 421)


# F-20: routes of the operator's own may have any method.
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_preflight_admits_every_method(sqlite_gateway: Gateway, method: str) -> None:
    origin = "http://localhost:6274"
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    preflight = httpx.options(f"{sqlite_gateway.url}/api/v1/mine", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert method in preflight.headers["access-control-allow-methods"].split(", ")


# A client that goes in the middle of its request is no error of ours, for the operator to look into.
@pytest.mark.parametrize("path", ["/token", "/register", "/signin", "/consent"])
def test_client_that_hangs_up_is_nobodys_fault(
    sqlite_gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
    eventually: Callable[[Callable[[], bool]], None],
    path: str,
) -> None:
    address = urlsplit(sqlite_gateway.url)
    form = "application/json" if path == "/register" else "application/x-www-form-urlencoded"
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {form}\r\nContent-Length: 100"
        connection.sendall(f"{head}\r\n\r\n{{".encode())
    said: list[str] = []

    def is_over() -> bool:
        said.append(capsys.readouterr().out)
        return "client_gone" in "".join(said)

    eventually(is_over)
    assert "unhandled_error" not in "".join(said)


# RFC 9110 §15.5.6, §15.1: all methods that there are, and no cache keeps what a deployment or a setting changes.
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/signin", "GET, POST"),
        ("HEAD", "/consent", "GET, POST"),
        ("POST", "/authorize", "GET"),
        ("GET", "/token", "POST"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
        ("POST", "/register/client_x", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/health", "GET, HEAD"),
    ],
)
def test_wrong_method_is_told_all_the_right_ones(sqlite_gateway: Gateway, method: str, path: str, allowed: str) -> None:
    answer = httpx.request(method, f"{sqlite_gateway.url}{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["cache-control"] == "no-store"
    if method != "HEAD":
        assert answer.json() == {
            "error": "method_not_allowed",
            "error_description": f"This address takes {allowed}, not {method}.",
        }


# F-20: a browser client looks for documents in several places, and has to see that one is not there.
def test_document_that_is_not_there_can_be_seen_to_be_missing(sqlite_gateway: Gateway) -> None:
    url = f"{sqlite_gateway.url}/.well-known/oauth-protected-resource"
    missing = httpx.get(url, headers={"Origin": "https://app.example"})
    assert (missing.status_code, missing.headers["access-control-allow-origin"]) == (404, "*")
    preflight = httpx.options(url, headers={"Origin": "https://app.example", "Access-Control-Request-Method": "GET"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")


@pytest.mark.parametrize("path", ["/", "/sse", "/.well-known/oauth-protected-resource/elsewhere"])
def test_who_is_lost_is_told_where_to_connect(sqlite_gateway: Gateway, path: str) -> None:
    sentence = f"There is nothing at this address. MCP clients connect to {sqlite_gateway.url}/mcp."
    program = httpx.get(f"{sqlite_gateway.url}{path}")
    assert (program.status_code, program.headers["cache-control"]) == (404, "no-store")
    assert program.json() == {"error": "not_found", "error_description": sentence}
    person = httpx.get(f"{sqlite_gateway.url}{path}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (person.status_code, person.text) == (404, f"{sentence}\n")
