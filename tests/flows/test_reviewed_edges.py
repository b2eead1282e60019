"""What holds for every answer, whichever way it was asked for: addresses, origins, methods."""

import httpx
import pytest

from tests.support.gateway import Gateway

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
