"""A small deployment of somebody else's, sound until a fault is planted: for the doctor, who sees it from outside."""

import asyncio
import base64
import json
import secrets
from collections import Counter
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

from tests.support.faulty_metadata import resource_document, server_document
from tests.support.faulty_resource import FaultyResource

Endpoint = Callable[[Request], Awaitable[Response]]
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Mcp-Session-Id",
}
_POLICY = "default-src 'none'; form-action 'self'"


@dataclass(frozen=True)
class Grant:
    """What a code or a refresh token stands for."""

    client_id: str
    scope: str
    family: str


@dataclass
class FaultyServer:
    """faults: names of what is planted now. Its person says yes to everything, at once. removed: clients that were.
    authorization_server: the one that the resource names, instead of its own. noticed: is told of each request.
    with_cookies: where requests with cookies came."""

    url: str
    faults: frozenset[str] = frozenset()
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    with_cookies: set[str] = field(default_factory=set)
    delay: float = 0.0
    authorization_server: str | None = None
    noticed: Callable[[str], object] = str

    def __post_init__(self) -> None:
        self.tools = FaultyResource(self.url, self.has)

    def plant(self, *faults: str, delay: float = 0.0, authorization_server: str | None = None) -> None:
        """From now on, and nothing else."""
        self.faults, self.delay, self.authorization_server = frozenset(faults), delay, authorization_server
        self.noticed = str
        kept = (self.clients, self.removed, self.grants, self.revoked, self.asked, self.with_cookies)
        for each in (*kept, self.tools.called, self.tools.ended):
            each.clear()

    @property
    def resource(self) -> str:
        return f"{self.url}/mcp"

    @property
    def issuer(self) -> str:
        return f"{self.url}/auth" if self.has("issuer with a path") else self.authorization_server or self.url

    def has(self, fault: str) -> bool:
        return fault in self.faults

    @property
    def live_tokens(self) -> set[str]:
        """Refresh tokens whose grant was not revoked."""
        return {
            token
            for token, grant in self.grants.items()
            if token.startswith("rt-") and grant.family not in self.revoked
        }

    @asynccontextmanager
    async def app(self) -> AsyncIterator[ASGIApp]:
        well_known = "/.well-known"
        routes: list[tuple[str, str, list[str]]] = [
            ("/mcp", "mcp", ["POST", "DELETE"]),
            ("/mcp/", "mcp", ["POST"]),
            (f"{well_known}/oauth-protected-resource/mcp", "resource_metadata", ["GET"]),
            (f"{well_known}/oauth-protected-resource", "root_metadata", ["GET"]),
            (f"{well_known}/oauth-authorization-server", "server_metadata", ["GET"]),
            (f"{well_known}/openid-configuration", "openid_metadata", ["GET"]),
            (f"{well_known}/oauth-authorization-server/auth", "server_metadata", ["GET"]),
            ("/moved", "resource_metadata", ["GET"]),
            ("/jwks", "jwks", ["GET"]),
            ("/authorize", "authorize", ["GET"]),
            ("/consent", "consent", ["GET"]),
            ("/token", "token", ["POST"]),
            ("/register", "register", ["POST"]),
            ("/register/{client_id}", "remove", ["DELETE"]),
            ("/revoke", "revoke", ["POST"]),
        ]
        yield Starlette(routes=[Route(path, self._served(name), methods=[*m, "OPTIONS"]) for path, name, m in routes])

    def _served(self, name: str) -> Endpoint:
        async def serve(request: Request) -> Response:
            if request.method != "OPTIONS":
                self.asked[name] += 1
                self.with_cookies |= {name} if request.cookies else set()
                self.noticed(name)
            handler: Endpoint = self.tools.mcp if name == "mcp" else getattr(self, name)
            answer = Response(status_code=204) if request.method == "OPTIONS" else await handler(request)
            if not self.has("no CORS"):
                answer.headers.update(_CORS)
            return answer

        return serve

    # -- metadata

    async def resource_metadata(self, request: Request) -> Response:
        if self.has("no resource metadata") or self.has("metadata at the root alone"):
            return _nothing()
        if self.has("metadata is redirected") and request.url.path != "/moved":
            return RedirectResponse("/moved", 302)
        return JSONResponse(resource_document(self.url, self.issuer, self.has))

    async def root_metadata(self, _: Request) -> Response:
        if self.has("root names another resource"):
            return JSONResponse({"resource": f"{self.url}/other", "authorization_servers": [self.issuer]})
        if self.has("metadata at the root alone"):
            return JSONResponse(resource_document(self.url, self.issuer, self.has))
        return _nothing()

    async def server_metadata(self, request: Request) -> Response:
        if self.has("issuer with a path") != request.url.path.endswith("/auth") or self.has("no server metadata"):
            return _nothing()
        return JSONResponse(server_document(self.url, self.issuer, self.has, openid=False))

    async def openid_metadata(self, _: Request) -> Response:
        if self.has("issuer with a path") or self.has("no server metadata") or self.has("no openid metadata"):
            return _nothing()
        return JSONResponse(server_document(self.url, self.issuer, self.has, openid=True))

    async def jwks(self, _: Request) -> Response:
        return Response("no") if self.has("no key set") else JSONResponse({"keys": []})

    # -- registration

    async def register(self, request: Request) -> Response:
        metadata = await request.json()
        if self.has("429 without Retry-After") or (self.has("429 when it is repeated") and self._knows(metadata)):
            return _error("slow_down", 429)
        uris = metadata["redirect_uris"]
        if self.has("500 at the registration"):
            return Response(status_code=500)
        if self.has("localhost refused") and any("localhost" in uri for uri in uris):
            return _error("invalid_redirect_uri", 400)
        client_id = secrets.token_urlsafe(8)
        self.clients[client_id] = metadata
        registered = {"client_id": client_id, "redirect_uris": uris}
        if not self.has("registrations pile up") and not self.has("429 when it is repeated"):
            registered |= {
                "registration_client_uri": f"{self.url}/register/{client_id}",
                "registration_access_token": f"rat-{client_id}",
            }
        return JSONResponse(registered, 201)

    async def remove(self, request: Request) -> Response:
        client_id = request.path_params["client_id"]
        if self.has("registrations cannot be removed"):
            return Response(status_code=405)
        if request.headers.get("authorization") != f"Bearer rat-{client_id}":
            return _error("invalid_token", 401)
        self.clients.pop(client_id, None)
        self.removed.append(client_id)
        return Response(status_code=204)

    def _knows(self, metadata: dict[str, Any]) -> bool:
        return metadata in self.clients.values()

    # -- what people see

    async def authorize(self, request: Request) -> Response:
        await asyncio.sleep(self.delay)
        asked = request.query_params
        client_id, uri, scopes = asked["client_id"], asked["redirect_uri"], asked.get("scope", "").split()
        if self.has("open redirect"):
            return RedirectResponse(f"{uri}?error=x", 303)
        if client_id.startswith("https://"):
            forbidden = self.has("documents cannot be fetched")
            return HTMLResponse("cannot fetch", 400) if forbidden else HTMLResponse("sign in")
        if client_id not in self.clients:
            return HTMLResponse("" if self.has("empty page") else "This app is unknown: add it again.", 400)
        registered = self.clients[client_id]["redirect_uris"]
        loopback = uri.startswith("http://") and not self.has("loopback port refused")
        if uri not in registered and not (loopback and _portless(uri) in map(_portless, registered)):
            return HTMLResponse("redirect_uri", 400)
        if self.has("500 at the sign-in"):
            return HTMLResponse("Sorry.", 500)
        if self.has("browser is never sent back"):
            return HTMLResponse("Allow?")
        if self.has("form-action"):
            return HTMLResponse("Allow?", headers={"Content-Security-Policy": _POLICY})
        if self.has("form-action behind a redirect"):
            redirect = RedirectResponse("/consent?request=ar_1", 303)
            redirect.set_cookie("browser", "this one")
            return redirect
        limit = self.clients[client_id].get("scope", "read write").split()
        if not set(scopes) <= set(limit) and self.has("step-up is refused on a page"):
            return HTMLResponse("scope", 400)
        if (
            not scopes
            or self.has("scopes are refused")
            or (not set(scopes) <= set(limit) and self.has("step-up is refused"))
        ):
            return RedirectResponse(f"{uri}?{urlencode({'error': 'invalid_scope', 'state': asked['state']})}", 303)
        code = f"code-{secrets.token_urlsafe(8)}"
        self.grants[code] = Grant(client_id, " ".join(scopes), secrets.token_urlsafe(8))
        state = "other" if self.has("another state") else asked["state"]
        issuer = "https://internal.example" if self.has("another iss in answers") else self.issuer
        return RedirectResponse(f"{uri}?{urlencode({'code': code, 'state': state, 'iss': issuer})}", 303)

    async def consent(self, request: Request) -> Response:
        if request.cookies.get("browser") != "this one" or request.query_params.get("request") != "ar_1":
            return HTMLResponse("Another browser began this.", 403)
        return HTMLResponse(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">Allow?')

    # -- tokens

    async def token(self, request: Request) -> Response:
        form = await request.form()
        if self.has("HTML errors"):
            return HTMLResponse("<h1>Bad request</h1>", 400)
        if self.has("token redirects"):
            return RedirectResponse("https://elsewhere.example/token", 307)
        if self.has("errors without a code"):
            return JSONResponse({"message": "no"}, 400)
        if self.has("500 at the token endpoint"):
            return JSONResponse({"error": "server_error", "error_description": "Sorry."}, 500)
        if self.has("errors without a description"):
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("client_id") not in self.clients:
            dead = self.has("dead client is invalid_grant")
            status = 400 if dead or self.has("dead client is 400") else 401
            return _error("invalid_grant" if dead else "invalid_client", status)
        sent = str(form.get("code") or form.get("refresh_token"))
        if self.has("code is echoed" if "code" in form else "secrets are echoed"):
            return _error(f"{sent} {form.get('code_verifier')} is no good", 400)
        grant = self.grants.get(sent)
        if grant is None or grant.family in self.revoked or (self.has("code refused") and "code" in form):
            return _error("invalid_grant", 400)
        foreign = form.get("resource", self.resource) != self.resource
        if foreign and not (self.has("foreign resource") or self.has("resource is ignored")):
            self.revoked |= {grant.family} if self.has("refused refresh is the last") else set()
            return _error("invalid_target", 400)
        if self.has("refresh race") or "code" in form:
            del self.grants[sent]
        named = str(form.get("resource", self.resource))
        return self._tokens(grant, str(form.get("scope", grant.scope)), named)

    def _tokens(self, grant: Grant, scope: str, named: str) -> Response:
        if self.has("token without audience") or self.has("resource is ignored"):
            named = "authenticated" if self.has("token without audience") else self.resource
        claims = json.dumps({"aud": named, "scope": scope}).encode()
        payload = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
        issued: dict[str, Any] = {"access_token": f"eyJhbGciOiJub25lIn0.{payload}.x", "expires_in": 3600}
        if not self.has("no refresh token"):
            issued["refresh_token"] = f"rt-{secrets.token_urlsafe(8)}"
            self.grants[issued["refresh_token"]] = grant
        return JSONResponse(issued)

    async def revoke(self, request: Request) -> Response:
        token = str((await request.form())["token"])
        if self.has("revocation wants a secret"):
            return _error("invalid_client", 401)
        if self.has("secrets are echoed"):
            return JSONResponse({"error": f"cannot revoke {token}", "error_description": token}, 400)
        if not self.has("revocation does nothing") and token in self.grants:
            self.revoked.add(self.grants[token].family)
        return JSONResponse({})


def _nothing() -> Response:
    return Response(status_code=404)


def _error(code: str, status: int) -> Response:
    return JSONResponse({"error": code, "error_description": "That is not possible."}, status)


def _portless(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.hostname or "").geturl()
