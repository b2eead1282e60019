"""Each known client, acted out as its vendor's pages say: how it discovers, becomes known, asks, refreshes, recovers.

Black boxes: what they know of the gateway is what HTTP tells them."""

import json
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from oauth.protocol.clients import known as known_clients
from tests.support.clock import SettableClock
from tests.support.document_server import DocumentServer, document_server
from tests.support.forging import base64url, jws, rs256
from tests.support.gateway import USER, Gateway, RunningSupabase, running_gateway
from tests.support.raw_client import answer_of, claims_of, s256

CHATGPT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Profile:
    """registers: the redirect URIs that it registers or publishes; comes_back_to: the one that it uses.
    document: its client id, where it has a URL. signs: proves itself with private_key_jwt. asks_offline: appends
    offline_access when the server advertises it. names_resource_on_refresh, speaks: what it does."""

    name: str
    registers: tuple[str, ...]
    comes_back_to: str
    document: str | None = None
    signs: bool = False
    asks_offline: bool = True
    looks_at_root: bool = False
    openid_first: bool = False
    names_resource_on_refresh: bool = True
    speaks: str = "2025-06-18"


CLAUDE = ("https://claude.ai/api/mcp/auth_callback",)
VSCODE = (
    "http://127.0.0.1:33418/",
    "http://127.0.0.1/",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
)
CHATGPT = ("https://chatgpt.com/connector_platform_oauth_redirect",)
PROFILES = [
    Profile("claude", CLAUDE, CLAUDE[0], "https://claude.ai/oauth/mcp-oauth-client-metadata", looks_at_root=True),
    Profile("claude, registering", CLAUDE, CLAUDE[0], looks_at_root=True),
    Profile(
        "claude-code",
        ("http://localhost/callback", "http://127.0.0.1/callback"),
        "http://localhost:51234/callback",
        "https://claude.ai/oauth/claude-code-client-metadata",
        looks_at_root=True,
    ),
    Profile("chatgpt", CHATGPT, CHATGPT[0], "https://chatgpt.com/oauth/client.json", signs=True),
    Profile(
        "chatgpt, registering", ("https://chatgpt.com/connector/oauth/abc",), "https://chatgpt.com/connector/oauth/abc"
    ),
    Profile(
        "codex",
        ("http://127.0.0.1/callback", "http://localhost/callback"),
        "http://127.0.0.1:50123/callback",
        "https://chatgpt.com/oauth/codex/client.json",
        names_resource_on_refresh=False,
        speaks="2026-07-28",
    ),
    Profile("cursor", ("http://localhost:8787/callback",), "http://localhost:8787/callback", asks_offline=False),
    Profile(
        "cursor, older",
        ("cursor://anysphere.cursor-mcp/oauth/callback",),
        "cursor://anysphere.cursor-mcp/oauth/callback",
        asks_offline=False,
    ),
    Profile(
        "vscode",
        VSCODE,
        "http://127.0.0.1:50321/",
        "https://vscode.dev/oauth/client-metadata.json",
        speaks="2026-07-28",
    ),
    Profile("vscode, registering", VSCODE, "https://vscode.dev/redirect"),
    Profile(
        "gemini", ("http://localhost:50555/oauth/callback",), "http://localhost:50555/oauth/callback", openid_first=True
    ),
    Profile(
        "inspector",
        ("http://localhost:6274/oauth/callback",),
        "http://localhost:6274/oauth/callback",
        looks_at_root=True,
        speaks="2026-07-28",
    ),
]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentServer]:
    """Where the vendors publish: their documents as they are known, and ChatGPT's keys."""
    with document_server(tmp_path_factory.mktemp("vendors")) as running:
        for url, document in known_clients.load().documents.items():
            running.publish(url, document)
        numbers = CHATGPT_KEY.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": "chatgpt-1",
            "n": base64url(numbers.n.to_bytes(256, "big")),
            "e": base64url(numbers.e.to_bytes(3, "big")),
        }
        running.publish("https://chatgpt.com/oauth/jwks.json", {"keys": [key]})
        yield running


@pytest.fixture
def gateway(
    sqlite_url: str, supabase: RunningSupabase, clock: SettableClock, hosts: DocumentServer
) -> Iterator[Gateway]:
    with running_gateway(sqlite_url, supabase, clock, network=hosts.network()) as running:
        yield running


@dataclass
class Acted:
    """One installation of a client, with what it has found out and keeps."""

    profile: Profile
    url: str
    now: SettableClock
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))
    server: dict[str, Any] = field(default_factory=dict)
    client_id: str = ""
    scope: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    def discover(self) -> None:
        """The challenge, the resource's document, the server's document; each checked as strict clients check it."""
        refused = self.http.post(self.url, json=_initialize(), headers=_headers(None))
        assert refused.status_code == 401
        challenge = refused.headers["www-authenticate"]
        (named,) = re.findall(r'resource_metadata="([^"]+)"', challenge)
        (self.scope,) = re.findall(r'scope="([^"]+)"', challenge)
        if self.profile.looks_at_root:
            origin = self.url.removesuffix("/mcp")
            assert self.http.get(f"{origin}/.well-known/oauth-protected-resource").status_code == 404
        resource = self.http.get(named).json()
        assert resource["resource"] == self.url
        issuer = resource["authorization_servers"][0]
        places = ["oauth-authorization-server", "openid-configuration"]
        for place in reversed(places) if self.profile.openid_first else places:
            self.server = self.http.get(f"{issuer}/.well-known/{place}").json()
            assert self.server["issuer"] == issuer
        assert self.server["code_challenge_methods_supported"] == ["S256"]
        assert self.server["authorization_response_iss_parameter_supported"] is True

    def become_known(self) -> None:
        """By its document where the server takes documents and `none`; otherwise it registers."""
        document = self.profile.document
        takes_documents = self.server.get("client_id_metadata_document_supported") is True
        if document is not None and takes_documents and "none" in self.server["token_endpoint_auth_methods_supported"]:
            self.client_id = document
            return
        metadata = {
            "client_name": self.profile.name,
            "redirect_uris": list(self.profile.registers),
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        }
        registered = self.http.post(self.server["registration_endpoint"], json=metadata)
        assert registered.status_code == 201, registered.text
        assert registered.json()["redirect_uris"] == list(self.profile.registers)
        self.client_id = registered.json()["client_id"]

    def sign_in(self, gateway: Gateway) -> None:
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        scope = self.scope
        if self.profile.asks_offline and "offline_access" in self.server["scopes_supported"]:
            scope += " offline_access"
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.profile.comes_back_to,
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
            "state": state,
            "resource": self.url,
            "scope": scope,
        }
        url = f"{self.server['authorization_endpoint']}?{urlencode(asked)}"
        redirect = gateway.browser().connect(url, USER.email, USER.password)
        assert redirect.headers["location"].startswith(f"{self.profile.comes_back_to}?")
        answer = answer_of(redirect)
        assert (answer["state"], answer["iss"]) == (state, self.server["issuer"])
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self.profile.comes_back_to,
            "code_verifier": verifier,
            "resource": self.url,
        }
        issued = self.token(**form)
        assert issued.status_code == 200, issued.text
        self.tokens = issued.json()

    def token(self, **form: str) -> httpx.Response:
        return self.http.post(self.server["token_endpoint"], data={**form, **self.proof()})

    def proof(self) -> dict[str, str]:
        """Who it is, in a form."""
        if not self.profile.signs:
            return {"client_id": self.client_id}
        return {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }

    def is_turned_away(self) -> bool:
        refused = self.http.post(self.url, json=_initialize(), headers=_headers(self.tokens["access_token"]))
        return refused.status_code == 401 and "invalid_token" in refused.headers["www-authenticate"]

    def refresh(self) -> httpx.Response:
        named = {"resource": self.url} if self.profile.names_resource_on_refresh else {}
        return self.token(grant_type="refresh_token", refresh_token=self.tokens["refresh_token"], **named)

    def call(self) -> dict[str, Any]:
        """whoami, in the client's own revision of the protocol."""
        token = self.tokens["access_token"]
        if self.profile.speaks == "2025-06-18":
            begun = self.http.post(self.url, json=_initialize(), headers=_headers(token))
            assert begun.status_code == 200, begun.text
            assert "mcp-session-id" not in begun.headers
            headers = {**_headers(token), "MCP-Protocol-Version": self.profile.speaks}
        else:
            headers = {**_headers(token), "MCP-Protocol-Version": self.profile.speaks}
            headers |= {"Mcp-Method": "tools/call", "Mcp-Name": "whoami"}
        answer = self.http.post(self.url, json=_call(self.profile.speaks), headers=headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["result"]["structuredContent"]["data"]
        return told

    def _assertion(self) -> str:
        now = int(self.now().timestamp())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.server["issuer"],
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        }
        return jws({"alg": "RS256", "kid": "chatgpt-1", "typ": "JWT"}, claims, rs256(CHATGPT_KEY))


@pytest.fixture(params=PROFILES, ids=lambda profile: profile.name)
def acted(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Acted]:
    client = Acted(request.param, f"{gateway.url}/mcp", gateway.clock)
    yield client
    client.http.close()


def test_client_gets_in_calls_and_stays_in(acted: Acted, gateway: Gateway) -> None:
    acted.discover()
    acted.become_known()
    acted.sign_in(gateway)
    assert claims_of(acted.tokens["access_token"])["aud"] == acted.url
    assert acted.call()["client_id"] == acted.client_id
    for _ in range(3):
        gateway.clock.advance(minutes=31)
        assert acted.is_turned_away()
        renewed = acted.refresh()
        assert renewed.status_code == 200, renewed.text
        acted.tokens = renewed.json()
        assert acted.call()["subject"] == USER.id


# P-2
def test_windows_that_share_one_sign_in_refresh_at_once(acted: Acted, gateway: Gateway) -> None:
    acted.discover()
    acted.become_known()
    acted.sign_in(gateway)
    gateway.clock.advance(minutes=31)
    with ThreadPoolExecutor(8) as pool:
        answers = [each.result() for each in [pool.submit(acted.refresh) for _ in range(8)]]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    acted.tokens = answers[0].json()
    assert acted.call()["subject"] == USER.id


# P-13, D-15
def test_client_whose_registration_is_gone_gets_in_again_by_itself(acted: Acted, gateway: Gateway) -> None:
    acted.discover()
    acted.become_known()
    acted.sign_in(gateway)
    now = gateway.clock()
    gateway.store(lambda store: store.clients.end(acted.client_id, now, now, remove=True))  # type: ignore[arg-type]
    gone = acted.refresh()
    assert (gone.status_code, gone.json()["error"]) == (401, "invalid_client")
    acted.become_known()
    acted.sign_in(gateway)
    assert acted.call()["subject"] == USER.id


def test_client_that_is_disconnected_loses_what_it_has(acted: Acted, gateway: Gateway) -> None:
    acted.discover()
    acted.become_known()
    acted.sign_in(gateway)
    form = {**acted.proof(), "token": acted.tokens["refresh_token"]}
    assert acted.http.post(acted.server["revocation_endpoint"], data=form).status_code == 200
    assert acted.is_turned_away()
    assert acted.refresh().json()["error"] == "invalid_grant"


def test_every_profile_of_the_doctor_is_acted_out() -> None:
    file = Path(__file__).parents[2] / "servers" / "doctor" / "profiles.json"
    names = {each["name"] for each in json.loads(file.read_text())["profiles"]}
    assert names == {profile.name for profile in PROFILES if "," not in profile.name}


def _headers(token: str | None) -> dict[str, str]:
    bearer = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", **bearer}


def _initialize() -> dict[str, Any]:
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "profile", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def _call(revision: str) -> dict[str, Any]:
    params: dict[str, Any] = {"name": "whoami", "arguments": {}}
    if revision == "2026-07-28":
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": revision,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    return {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
