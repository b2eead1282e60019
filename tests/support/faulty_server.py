"""A small deployment of somebody else's, sound until a fault is planted: for the doctor, who sees it from outside."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

Endpoint = Callable[[Request], Awaitable[Response]]
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Mcp-Session-Id",
}


@dataclass
class FaultyServer:
    """faults: names of what is planted now. Its person says yes to everything, at once."""

    url: str
    faults: frozenset[str] = frozenset()
    clients: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    delay: float = 0.0

    @property
    def resource(self) -> str:
        return f"{self.url}/mcp"

    @property
    def issuer(self) -> str:
        return f"{self.url}/auth" if "issuer with a path" in self.faults else self.url

    def has(self, fault: str) -> bool:
        return fault in self.faults

    @asynccontextmanager
    async def app(self) -> AsyncIterator[ASGIApp]:
        well_known = "/.well-known"
        routes: list[tuple[str, Endpoint, list[str]]] = [
            ("/mcp", self.mcp, ["POST"]),
            ("/mcp/", self.mcp, ["POST"]),
            (f"{well_known}/oauth-protected-resource/mcp", self.resource_metadata, ["GET"]),
            (f"{well_known}/oauth-protected-resource", self.root_metadata, ["GET"]),
            (f"{well_known}/oauth-authorization-server", self.server_metadata, ["GET"]),
            (f"{well_known}/openid-configuration", self.openid_metadata, ["GET"]),
            (f"{well_known}/oauth-authorization-server/auth", self.server_metadata, ["GET"]),
            ("/jwks", self.jwks, ["GET"]),
            ("/authorize", self.authorize, ["GET"]),
            ("/token", self.token, ["POST"]),
            ("/register", self.register, ["POST"]),
            ("/revoke", self.revoke, ["POST"]),
        ]
        yield Starlette(
            routes=[Route(path, self._served(handler), methods=[*m, "OPTIONS"]) for path, handler, m in routes]
        )

    def _served(self, handler: Endpoint) -> Endpoint:
        async def serve(request: Request) -> Response:
            answer = Response(status_code=204) if request.method == "OPTIONS" else await handler(request)
            if not self.has("no CORS"):
                answer.headers.update(_CORS)
            return answer

        return serve

    # -- the resource

    async def mcp(self, request: Request) -> Response:
        if self.has("redirect to a slash") and not request.url.path.endswith("/"):
            return RedirectResponse(f"{self.url}/mcp/", 307)
        if self.has("redirect from a slash") and request.url.path.endswith("/"):
            return RedirectResponse(self.resource, 307)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token.startswith("eyJ"):
            if self.has("guest instead of 401") or (token and self.has("bad token is a guest")):
                return JSONResponse({"jsonrpc": "2.0", "id": 1, "result": {}})
            if self.has("403 instead of 401"):
                return JSONResponse({"error": "forbidden"}, 403)
            return Response(status_code=401, headers={"WWW-Authenticate": self._challenge(token)})
        if self.has("own token refused"):
            return Response(status_code=401, headers={"WWW-Authenticate": self._challenge(token)})
        if self.has("sessions") and (await request.json())["method"] != "initialize":
            return JSONResponse({"error": "no session"}, 400)
        headers = {"Mcp-Session-Id": "1"} if self.has("sessions") else {}
        return JSONResponse({"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}, headers=headers)

    def _challenge(self, token: str) -> str:
        if self.has("no challenge"):
            return "Bearer"
        scope = "" if self.has("no scopes") else ', scope="read"'
        error = ', error="invalid_token"' if token and not self.has("no error code in challenge") else ""
        return f'Bearer resource_metadata="{self.url}/.well-known/oauth-protected-resource/mcp"{scope}{error}'

    async def resource_metadata(self, _: Request) -> Response:
        named = self.resource
        if self.has("resource with a slash"):
            named += "/"
        if self.has("resource of another host"):
            named = "https://internal.example/mcp"
        if self.has("no resource metadata"):
            return Response(status_code=404)
        document: dict[str, object] = {"resource": named, "authorization_servers": [self.issuer]}
        if not self.has("no scopes"):
            document["scopes_supported"] = ["read"]
        if self.has("no authorization server"):
            del document["authorization_servers"]
        return JSONResponse(document)

    async def root_metadata(self, _: Request) -> Response:
        if not self.has("root names another resource"):
            return Response(status_code=404)
        return JSONResponse({"resource": f"{self.url}/other", "authorization_servers": [self.issuer]})

    # -- the authorization server

    async def server_metadata(self, request: Request) -> Response:
        if self.has("issuer with a path") != request.url.path.endswith("/auth"):
            return Response(status_code=404)
        if self.has("no server metadata"):
            return Response(status_code=404)
        return JSONResponse(self._metadata())

    async def openid_metadata(self, _: Request) -> Response:
        if self.has("issuer with a path") or self.has("no server metadata"):
            return Response(status_code=404)
        return JSONResponse(self._metadata())

    def _metadata(self) -> dict[str, object]:
        issuer = self.issuer + ("/" if self.has("issuer with a slash") else "")
        if self.has("issuer of another host"):
            issuer = "https://internal.example"
        document: dict[str, object] = {
            "issuer": issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "registration_endpoint": f"{self.url}/register",
            "revocation_endpoint": f"{self.url}/revoke",
            "jwks_uri": f"{self.url}/jwks",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "client_id_metadata_document_supported": True,
            "authorization_response_iss_parameter_supported": True,
        }
        if self.has("no S256"):
            del document["code_challenge_methods_supported"]
        if self.has("no iss"):
            del document["authorization_response_iss_parameter_supported"]
        if self.has("documents without none"):
            document["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
        if self.has("no registration"):
            del document["registration_endpoint"], document["client_id_metadata_document_supported"]
        return document

    async def jwks(self, _: Request) -> Response:
        return Response("no") if self.has("no key set") else JSONResponse({"keys": []})

    async def register(self, request: Request) -> Response:
        if self.has("429 without Retry-After"):
            return JSONResponse({"error": "slow_down"}, 429)
        uris = (await request.json())["redirect_uris"]
        if self.has("localhost refused") and any("localhost" in uri for uri in uris):
            return JSONResponse({"error": "invalid_redirect_uri"}, 400)
        client_id = secrets.token_urlsafe(8)
        self.clients[client_id] = uris
        return JSONResponse({"client_id": client_id, "redirect_uris": uris}, 201)

    async def authorize(self, request: Request) -> Response:
        await asyncio.sleep(self.delay)
        asked = request.query_params
        client_id, uri = asked["client_id"], asked["redirect_uri"]
        if self.has("open redirect"):
            return RedirectResponse(f"{uri}?error=x", 303)
        if client_id.startswith("https://"):
            forbidden = self.has("documents cannot be fetched")
            return HTMLResponse("cannot fetch", 400) if forbidden else HTMLResponse("sign in")
        if client_id not in self.clients:
            return HTMLResponse("" if self.has("empty page") else "This app is unknown: add it again.", 400)
        registered = self.clients[client_id]
        loopback = uri.startswith("http://") and not self.has("loopback port refused")
        if uri not in registered and not (loopback and _portless(uri) in map(_portless, registered)):
            return HTMLResponse("redirect_uri", 400)
        if self.has("browser is never sent back"):
            return HTMLResponse("Allow?")
        if "read" not in asked.get("scope", "").split() and not self.has("no scopes"):
            return RedirectResponse(f"{uri}?{urlencode({'error': 'invalid_scope', 'state': asked['state']})}", 303)
        code = secrets.token_urlsafe(8)
        self.codes[code] = client_id
        state = "other" if self.has("another state") else asked["state"]
        issuer = "https://internal.example" if self.has("another iss in answers") else self.issuer
        return RedirectResponse(f"{uri}?{urlencode({'code': code, 'state': state, 'iss': issuer})}", 303)

    async def token(self, request: Request) -> Response:
        form = await request.form()
        if self.has("HTML errors"):
            return HTMLResponse("<h1>Bad request</h1>", 400)
        if self.has("token redirects"):
            return RedirectResponse("https://elsewhere.example/token", 307)
        if self.has("errors without a code"):
            return JSONResponse({"message": "no"}, 400)
        if form.get("client_id") not in self.clients:
            dead = self.has("dead client is invalid_grant")
            return JSONResponse({"error": "invalid_grant" if dead else "invalid_client"}, 400 if dead else 401)
        if form["grant_type"] == "authorization_code":
            if self.has("code refused") or form["code"] not in self.codes:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return self._tokens(secrets.token_urlsafe(8))
        sent = str(form["refresh_token"])
        if sent not in self.refresh_tokens or self.refresh_tokens[sent] in self.revoked:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if "elsewhere" in str(form.get("resource", "")) and not self.has("foreign resource"):
            return JSONResponse({"error": "invalid_target"}, 400)
        family = self.refresh_tokens[sent]
        if self.has("refresh race"):
            del self.refresh_tokens[sent]
        return self._tokens(family)

    def _tokens(self, family: str) -> Response:
        named = "authenticated" if self.has("token without audience") else self.resource
        payload = base64.urlsafe_b64encode(json.dumps({"aud": named}).encode()).rstrip(b"=").decode()
        issued: dict[str, Any] = {"access_token": f"eyJhbGciOiJub25lIn0.{payload}.x", "expires_in": 3600}
        if not self.has("no refresh token"):
            issued["refresh_token"] = secrets.token_urlsafe(8)
            self.refresh_tokens[issued["refresh_token"]] = family
        return JSONResponse(issued)

    async def revoke(self, request: Request) -> Response:
        token = str((await request.form())["token"])
        if not self.has("revocation does nothing") and token in self.refresh_tokens:
            self.revoked.add(self.refresh_tokens[token])
        return JSONResponse({})


def _portless(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.hostname or "").geturl()
