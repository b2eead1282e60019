"""The walk: every request that the doctor makes, few and none twice. Redirects are not followed, they are findings."""

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from servers.doctor import places
from servers.doctor.observations import Answer, Observations, Registration
from servers.doctor.profiles import Profile

Tell = Callable[[str], None]

USER_AGENT = "mcp-auth-doctor"
_TIMEOUT = 15.0
_BROWSER = "https://browser-client.example"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 Appendix B
_CREATED = (200, 201)
_MOST_TEXT = 20_000
_INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": USER_AGENT, "version": "1"},
    },
}
MCP_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class Visitor:
    """Sends requests, and takes whatever comes back for an answer."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, method: str, url: str, **options: Any) -> Answer:  # noqa: ANN401 - httpx's
        """One request."""
        started = time.perf_counter()
        try:
            answer = await self._http.request(method, url, timeout=_TIMEOUT, follow_redirects=False, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = f"{type(error).__name__}: {error}".rstrip(": ")
            return Answer(method, url, 0, seconds=time.perf_counter() - started, problem=problem)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(method, url, answer.status_code, headers, answer.text[:_MOST_TEXT], time.perf_counter() - started)


async def walk(
    target: str, profiles: Sequence[Profile], visitor: Visitor, tell: Tell, *, register: bool
) -> Observations:
    """All that can be seen without signing in. register: whether clients may be registered for it, and removed."""
    tell("asking for a challenge")
    seen = await _knock(target, visitor)
    tell("reading metadata")
    for place, url in places.of_resource(target, seen.unauthenticated.headers.get("www-authenticate", "")).items():
        seen.resource_metadata[place] = await visitor.ask("GET", url)
    for place, url in places.of_server(seen.issuer).items() if seen.issuer is not None else ():
        seen.server_metadata[place] = await visitor.ask("GET", url)
    server = seen.server
    if server is None:
        return seen
    await _server(seen, server, profiles, visitor, tell)
    if register and isinstance(server.get("registration_endpoint"), str):
        for profile in profiles:
            if "dynamic" in profile.registration:
                tell(f"registering as {profile.title} does")
                seen.registrations.append(await _register(profile, server, target, visitor))
    tell("asking as a browser does")
    await _as_browser(seen, server, visitor)
    return seen


async def _knock(target: str, visitor: Visitor) -> Observations:
    other = target.removesuffix("/") if target.endswith("/") else f"{target}/"
    return Observations(
        target,
        unauthenticated=await visitor.ask("POST", target, json=_INITIALIZE, headers=MCP_HEADERS),
        bad_token=await visitor.ask(
            "POST", target, json=_INITIALIZE, headers={**MCP_HEADERS, "Authorization": "Bearer not-a-token"}
        ),
        other_slash=await visitor.ask("POST", other, json=_INITIALIZE, headers=MCP_HEADERS),
    )


async def _server(
    seen: Observations, server: dict[str, Any], profiles: Sequence[Profile], visitor: Visitor, tell: Tell
) -> None:
    tell("trying what has to be refused")
    if isinstance(server.get("jwks_uri"), str):
        seen.jwks = await visitor.ask("GET", server["jwks_uri"])
    form = {"grant_type": "refresh_token", "refresh_token": "unknown", "client_id": "client-that-nobody-registered"}
    seen.token_of_unknown_client = await visitor.ask("POST", str(server.get("token_endpoint")), data=form)
    seen.authorize_unknown_client = await visitor.ask(
        "GET", authorization_url(server, "client-that-nobody-registered", "https://evil.example/cb", seen.target)
    )
    if server.get("client_id_metadata_document_supported") is True:
        for profile in profiles:
            if profile.client_id_url is not None:
                tell(f"connecting as {profile.title} does")
                url = authorization_url(server, profile.client_id_url, profile.redirect_uris[0], seen.target)
                seen.documents[profile.name] = await visitor.ask("GET", url)


async def _register(profile: Profile, server: dict[str, Any], target: str, visitor: Visitor) -> Registration:
    metadata = {
        "client_name": f"{profile.title} (mcp-auth doctor)",
        "redirect_uris": list(profile.redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    answer = await visitor.ask("POST", server["registration_endpoint"], json=metadata)
    registered = answer.json or {}
    if answer.status not in _CREATED or not isinstance(registered.get("client_id"), str):
        return Registration(profile.name, answer)
    first = profile.redirect_uris[0]
    uris = [first, *([_other_port(first)] if first.startswith("http://") else [])]
    authorized = {
        uri: await visitor.ask("GET", authorization_url(server, registered["client_id"], uri, target)) for uri in uris
    }
    return Registration(profile.name, answer, authorized, await remove(registered, visitor))


async def remove(registered: dict[str, Any], visitor: Visitor) -> bool | None:
    """Take a registration back (RFC 7592 §2.3). → whether that was done; None: there is no way to."""
    uri, token = registered.get("registration_client_uri"), registered.get("registration_access_token")
    if not isinstance(uri, str) or not isinstance(token, str):
        return None
    return (await visitor.ask("DELETE", uri, headers={"Authorization": f"Bearer {token}"})).status // 100 == 2  # noqa: PLR2004


async def _as_browser(seen: Observations, server: dict[str, Any], visitor: Visitor) -> None:
    found = [each.url for each in seen.resource_metadata.values() if each.status == 200][:1]  # noqa: PLR2004
    found += [each.url for each in seen.server_metadata.values() if each.status == 200][:1]  # noqa: PLR2004
    endpoints = [server.get(f"{name}_endpoint") for name in ("token", "registration")]
    for url in [seen.target, *found, *(each for each in endpoints if isinstance(each, str))]:
        asked = {
            "Origin": _BROWSER,
            "Access-Control-Request-Method": "GET" if url in found else "POST",
            "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version",
        }
        seen.preflights[url] = await visitor.ask("OPTIONS", url, headers=asked)
    for url in found:
        seen.from_browsers[url] = await visitor.ask("GET", url, headers={"Origin": _BROWSER})
    with_origin = {**MCP_HEADERS, "Origin": _BROWSER}
    seen.from_browsers[seen.target] = await visitor.ask("POST", seen.target, json=_INITIALIZE, headers=with_origin)


def authorization_url(server: dict[str, Any], client_id: str, redirect_uri: str, target: str, **more: str) -> str:
    """A request for a code, with PKCE (OAuth 2.1 §4.1.1)."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_challenge": _CHALLENGE,
        "code_challenge_method": "S256",
        "state": "doctor",
        "resource": target,
        **more,
    }
    endpoint = str(server.get("authorization_endpoint"))
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def _other_port(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=f"{parts.hostname}:{51999}").geturl()
