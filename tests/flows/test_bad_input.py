"""Whatever is sent to whichever endpoint: the standard's own error, never a 500, and what was good stays good."""

import json
import socket
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.browser import forms
from tests.support.gateway import USER, Gateway

CODES = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "invalid_target",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "invalid_redirect_uri",
    "invalid_client_metadata",
}
# What a parameter can look like, encoded as it stands in a form or a query; None leaves it out.
SHAPES: dict[str, list[bytes] | None] = {
    "missing": None,
    "empty": [b""],
    "repeated": [b"a", b"a"],
    "oversized": [b"x" * 20_000],
    "non_ascii": [quote("ü€🙂").encode()],
    "not_utf8": [b"%FF%FE"],
    "raw_bytes": [b"\xff\xfe"],
    "nul": [b"a%00b"],
    "line_break": [b"a%0D%0AX-Injected:%201"],
    "broken_escape": [b"%zz%"],
    "array": [b"%5B%22a%22%5D"],
}


def encoded(good: dict[str, str], name: str, shape: list[bytes] | None) -> bytes:
    """The good parameters, with one of them in a bad shape."""
    pairs = [(key, quote(value).encode()) for key, value in good.items() if key != name]
    pairs += [(name, value) for value in shape or []]
    return b"&".join(key.encode() + b"=" + value for key, value in pairs)


def spoilt(good: dict[str, str], optional: Iterable[str] = ()) -> Iterator[tuple[str, bytes]]:
    for name in good:
        for shape, values in SHAPES.items():
            if name in optional and shape in {"missing", "empty"}:
                continue  # and then it is no mistake
            yield f"{name} {shape}", encoded(good, name, values)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def refused(response: httpx.Response, what: str) -> None:
    assert response.status_code in {400, 401, 413}, (what, response.status_code, response.text)
    assert response.json()["error"] in CODES, what
    assert response.json()["error_description"], what
    assert response.headers["cache-control"] == "no-store", what
    assert "x-injected" not in response.headers, what


def test_token_endpoint_refuses_every_spoilt_parameter_and_the_code_works_afterwards(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    good = {
        "grant_type": "authorization_code",
        "code": sqlite_gateway.code(client),
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "code_verifier": client.verifier,
        "resource": f"{sqlite_gateway.url}/mcp",
    }
    # OAuth 2.1 §4.1.3 has no redirect_uri here any more; where it is sent, it has to be the right one.
    for what, body in spoilt(good, optional={"redirect_uri", "resource"}):
        refused(client.http.post(f"{client.node}/token", content=body, headers=FORM), what)
    answer = client.http.post(f"{client.node}/token", data=good)
    assert answer.status_code == 200

    good = {
        "grant_type": "refresh_token",
        "refresh_token": answer.json()["refresh_token"],
        "client_id": client.client_id,
        "scope": "mcp:read",
        "resource": f"{sqlite_gateway.url}/mcp",
    }
    for what, body in spoilt(good, optional={"scope", "resource"}):
        refused(client.http.post(f"{client.node}/token", content=body, headers=FORM), what)
    assert client.http.post(f"{client.node}/token", data=good).status_code == 200


def test_revocation_endpoint_refuses_what_is_spoilt_and_revokes_nothing(sqlite_gateway: Gateway) -> None:
    client = sqlite_gateway.registered()
    token = sqlite_gateway.tokens(client)["refresh_token"]
    for what, body in spoilt({"client_id": client.client_id, "token": token}):
        response = client.http.post(f"{client.node}/revoke", content=body, headers=FORM)
        # RFC 7009 §2.2: a token that cannot be one is as good as revoked.
        if not (what.startswith("token ") and response.status_code == 200):
            refused(response, what)
    assert client.refresh(token).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic !!!",
        b"Basic " + b64encode(b"no-colon"),
        b"Basic " + b64encode(b":"),
        b"Basic " + b64encode("ü:€".encode()),
        b"Basic " + b64encode(b"\xff\xfe:\xff"),
        b"Basic " + b64encode(b"%zz:%"),
        b"Basic " + b64encode(b"a\x00b:c"),
        b"Basic " + b64encode(b"x" * 6_000 + b":y"),
        b"Basic \xff\xfe",
        b"Bearer abc",
        b"Digest username=x",
    ],
)
@pytest.mark.parametrize("path", ["/token", "/revoke"])
def test_spoilt_client_authentication_is_an_invalid_client_or_request(
    sqlite_gateway: Gateway, path: str, header: bytes
) -> None:
    with httpx.Client(base_url=sqlite_gateway.url) as http:
        data = {"grant_type": "refresh_token", "refresh_token": "rt_x", "token": "rt_x"}
        response = http.post(path, data=data, headers=[(b"Authorization", header)])
    refused(response, repr(header))
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("shape", SHAPES)
def test_authorization_endpoint_answers_every_spoilt_parameter_with_a_page_or_at_the_client(
    sqlite_gateway: Gateway, shape: str
) -> None:
    client = sqlite_gateway.registered()
    url = urlsplit(client.authorization_url(scope="mcp:read", prompt="consent"))
    good = dict(parse_qsl(url.query))
    for name in good:
        query = encoded(good, name, SHAPES[shape])
        if not query.isascii():
            assert get_raw(sqlite_gateway, "/authorize", query) in {303, 400}
            continue
        response = client.http.get(httpx.URL(f"{client.node}/authorize", query=query), headers={"Accept": "text/html"})
        assert response.status_code in {200, 303, 400, 403}, (name, response.status_code, response.text)
        assert "x-injected" not in response.headers
        if response.status_code == 400:
            assert "Reason:" in response.text, name
        if response.status_code == 303:
            # Nobody has signed in, so all that there is to go to is a page of ours.
            assert response.headers["location"].startswith(("/", f"{sqlite_gateway.url}/")), name


@pytest.mark.parametrize("step", ["/signin", "/consent", "/signout"])
def test_pages_answer_every_spoilt_field_with_a_page_and_the_right_one_works_afterwards(
    sqlite_gateway: Gateway, step: str
) -> None:
    client, browser = sqlite_gateway.registered(), sqlite_gateway.browser()
    page = browser.get(client.authorization_url())
    filled = {"email": USER.email, "password": USER.password}
    if step != "/signin":
        page = browser.sign_in(page, USER.email, USER.password)
        filled = {"decision": "allow"} if step == "/consent" else {}
    good = {**next(form for form in forms(page) if form.action == step).fields, **filled}
    for what, body in spoilt(good):
        response = browser.http.post(f"{sqlite_gateway.url}{step}", content=body, headers=FORM)
        # A sign-in that fails shows the form again, with what is wrong.
        assert response.status_code in {200, 400, 403, 404, 413, 422}, (what, response.status_code)
        assert response.headers["content-type"].startswith("text/html"), what
        assert "Set-Cookie" not in response.headers or "mcp_auth_session=ss_" not in response.headers["set-cookie"]
    assert browser.http.post(f"{sqlite_gateway.url}{step}", data=good).status_code == 303


VALUES: list[Any] = [None, True, 7, -1.5, "", "ü€🙂", "a\x00b", "x" * 5_000, [], [None], [[]], {}, {"a": 1}, "\ud800"]
FIELDS = [
    "redirect_uris",
    "client_name",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "scope",
    "client_uri",
    "logo_uri",
    "contacts",
    "tos_uri",
    "policy_uri",
    "jwks",
    "jwks_uri",
    "software_id",
    "software_version",
    "application_type",
]


@pytest.mark.parametrize("field", FIELDS)
def test_registration_takes_a_field_or_refuses_it_by_name(sqlite_gateway: Gateway, field: str) -> None:
    client = sqlite_gateway.client()
    for value in VALUES:
        metadata = {"redirect_uris": [client.redirect_uri], "token_endpoint_auth_method": "none", field: value}
        response = client.http.post(
            f"{client.node}/register", content=json.dumps(metadata), headers={"Content-Type": "application/json"}
        )
        assert response.status_code in {201, 400}, (field, value, response.status_code)
        if response.status_code == 400:
            assert response.json()["error"] in {"invalid_client_metadata", "invalid_redirect_uri", "invalid_request"}
            assert response.json()["error_description"]
        else:
            client.client_id = response.json()["client_id"]
            page = client.http.get(client.authorization_url(), follow_redirects=True)
            assert page.status_code == 200, (field, value, page.text)


FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(
    path=st.sampled_from(["/token", "/revoke", "/register", "/signin", "/consent", "/signout", "/mcp", "/mcp-admin"]),
    kind=st.sampled_from(
        ["application/x-www-form-urlencoded", "application/json", "text/plain", "", "multipart/form-data"]
    ),
    body=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))),
)
def test_no_body_makes_a_500(sqlite_gateway: Gateway, path: str, kind: str, body: bytes) -> None:
    with httpx.Client(base_url=sqlite_gateway.url) as http:
        response = http.post(path, content=body, headers={"Content-Type": kind})
    assert response.status_code < 500


def get_raw(gateway: Gateway, path: str, query: bytes) -> int:
    """A request line that no HTTP library would send. → status of the answer."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"GET %s?%s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n"
            % (path.encode(), query, host.encode(), port.encode())
        )
        return int(connection.makefile("rb").readline().split()[1])


@FUZZ
@given(
    path=st.sampled_from(["/authorize", "/signin", "/consent", "/mcp", "/api/v1/users/me", "/.well-known/jwks.json"]),
    query=st.binary(max_size=200).map(lambda raw: bytes(byte for byte in raw if byte > 0x20 and byte != 0x7F)),
)
def test_no_query_makes_a_500(sqlite_gateway: Gateway, path: str, query: bytes) -> None:
    assert get_raw(sqlite_gateway, path, query) < 500
