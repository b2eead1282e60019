"""An OAuth client written out in the protocol's own words, for tests that change one word."""

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from tests.support.browser import NO_TLS

CALLBACK = "http://127.0.0.1:33418/callback"


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def answer_of(redirect: httpx.Response) -> dict[str, str]:
    """The parameters of an authorization response."""
    return dict(parse_qsl(urlsplit(redirect.headers["location"]).query, keep_blank_values=True))


def claims_of(access_token: str) -> dict[str, Any]:
    payload = access_token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


class RawClient:
    """listens_at: where the node is that is talked to, if that is not the public address."""

    def __init__(self, gateway: str, *, redirect_uri: str = CALLBACK, listens_at: str | None = None) -> None:
        self.gateway = gateway
        self.node = listens_at or gateway
        self.redirect_uri = redirect_uri
        self.http = httpx.Client(timeout=20, verify=NO_TLS, headers={"Host": gateway.partition("://")[2]})
        self.client_id = ""
        self.client_secret: str | None = None
        self.registration_token: str | None = None
        self.verifier = secrets.token_urlsafe(48)

    def close(self) -> None:
        self.http.close()

    def register(self, **metadata: object) -> httpx.Response:
        response = self.http.post(
            f"{self.node}/register",
            json={
                "redirect_uris": [self.redirect_uri],
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"],
                # A name of its own: the same metadata from the same source is the same client.
                "client_name": f"Raw client {secrets.token_hex(4)}",
                **metadata,
            },
        )
        if response.status_code == 201:
            self.client_id = response.json()["client_id"]
            self.client_secret = response.json().get("client_secret")
            self.registration_token = response.json().get("registration_access_token")
        return response

    def authorization_url(self, **changed: str | None) -> str:
        """A valid request; a parameter given as None is left out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
            "state": "some-state",
            "resource": f"{self.gateway}/mcp",
            **changed,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.gateway}/authorize?{urlencode(given)}"

    def push(self, **changed: str | None) -> httpx.Response:
        """The same request, sent ahead (RFC 9126)."""
        asked = dict(parse_qsl(urlsplit(self.authorization_url()).query))
        if self.client_secret is not None:
            asked["client_secret"] = self.client_secret
        given = {name: value for name, value in {**asked, **changed}.items() if value is not None}
        return self.http.post(f"{self.node}/par", data=given)

    def pushed_url(self, pushed: httpx.Response, **beside: str) -> str:
        """Where the browser goes with what was pushed."""
        assert pushed.status_code == 201, pushed.text
        query = {"client_id": self.client_id, "request_uri": pushed.json()["request_uri"], **beside}
        return f"{self.gateway}/authorize?{urlencode(query)}"

    def token(self, **changed: str | None) -> httpx.Response:
        given = {"client_id": self.client_id, **changed}
        return self.http.post(
            f"{self.node}/token", data={name: value for name, value in given.items() if value is not None}
        )

    def redeem(self, code: str, **changed: str | None) -> httpx.Response:
        return self.token(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                "resource": f"{self.gateway}/mcp",
                **changed,
            }
        )

    def refresh(self, refresh_token: str, **changed: str | None) -> httpx.Response:
        return self.token(**{"grant_type": "refresh_token", "refresh_token": refresh_token, **changed})

    def revoke(self, token: str, **changed: str | None) -> httpx.Response:
        given = {"client_id": self.client_id, "token": token, **changed}
        return self.http.post(
            f"{self.node}/revoke", data={name: value for name, value in given.items() if value is not None}
        )

    def call_tool(
        self, access_token: str | None, name: str = "whoami", path: str = "/mcp", **headers: str
    ) -> httpx.Response:
        """tools/call on the newer wire (2026-07-28)."""
        meta: dict[str, Any] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        sent = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": name,
            **({"Authorization": f"Bearer {access_token}"} if access_token is not None else {}),
            **headers,
        }
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": name, "arguments": {}, "_meta": meta},
        }
        return self.http.post(f"{self.node}{path}", json=body, headers=sent)
