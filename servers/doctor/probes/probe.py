"""The walk: every request without a person, few and none twice."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from servers.doctor.evidence import discovery, metadata_locations
from servers.doctor.evidence.documents import Document, host, origin
from servers.doctor.evidence.observations import Answer, Observations
from servers.doctor.probes import mcp, oauth_requests
from servers.doctor.probes.addresses import Names
from servers.doctor.probes.cleanup import Belongings
from servers.doctor.probes.http_client import Visitor
from servers.doctor.probes.registration import register_all
from servers.doctor.probes.tls import Look
from servers.doctor.profiles import Profile

Tell = Callable[[str], None]

_BROWSER = "https://browser-client.example"
_NOBODY = "client-that-nobody-registered"
_OK = 200
_MOST_ORIGINS = 8


@dataclass(frozen=True, slots=True)
class Walker:
    """Who goes, and with what. now: aware UTC."""

    visitor: Visitor
    belongings: Belongings
    names: Names
    look: Look
    now: datetime
    tell: Tell


async def walk(target: str, profiles: Sequence[Profile], walker: Walker, *, register: bool) -> Observations:
    """All that can be seen without signing in. register: whether clients may be registered for it, and removed."""
    visitor = walker.visitor
    seen = Observations(target, walker.now, visitor.answers)
    await _look(seen, [target], walker)
    if seen.is_untrusted(origin(target)):
        return seen
    walker.tell("asking for a challenge")
    await _knock(seen, visitor)
    if seen.unauthenticated.status == 0:
        return seen
    walker.tell("reading metadata")
    await _read(seen, profiles, walker)
    servers = [found.document for profile in profiles if (found := discovery.server_of(profile, seen)) is not None]
    if servers:
        seen.server = servers[0]
        await _look(seen, _endpoints(servers[0]), walker)
        await _refused(seen, servers[0], profiles, walker)
        if register:
            await register_all(seen, profiles, visitor, walker.belongings, walker.tell, secrets.token_hex(3))
    walker.tell("asking as a browser does")
    await _as_browser(seen, visitor)
    return seen


async def _look(seen: Observations, urls: Sequence[str], walker: Walker) -> None:
    """At addresses and TLS of origins that have not been looked at."""
    for url in urls:
        base = origin(url)
        if not base or base in seen.addresses or len(seen.addresses) >= _MOST_ORIGINS:
            continue
        seen.addresses[base] = await walker.names.addresses(host(url))
        goes_there = base.startswith("https://") and not await walker.visitor.obstacle(base)
        handshake = await walker.look(base) if goes_there else None
        if handshake is not None:
            seen.handshakes[base] = handshake


async def _knock(seen: Observations, visitor: Visitor) -> None:
    target, body = seen.target, mcp.initialize()
    seen.unauthenticated = await visitor.ask("POST", target, json=body, headers=mcp.headers(None))
    if seen.unauthenticated.status == 0:
        return
    seen.bad_token = await visitor.ask("POST", target, json=body, headers=mcp.headers("not-a-token"))
    other = target.removesuffix("/") if target.endswith("/") else f"{target}/"
    seen.other_slash = await visitor.ask("POST", other, json=body, headers=mcp.headers(None))


async def _read(seen: Observations, profiles: Sequence[Profile], walker: Walker) -> None:
    read: dict[str, Answer] = {}

    async def once(url: str) -> Answer:
        if url not in read:
            read[url] = await walker.visitor.read(url)
        return read[url]

    for place, url in metadata_locations.of_resource(seen.target, seen.unauthenticated.challenge).items():
        seen.resource_metadata[place] = await once(url)
    for issuer in dict.fromkeys(discovery.issuer_of(profile, seen) for profile in profiles):
        if not issuer:
            continue
        await _look(seen, [issuer], walker)
        if not seen.is_untrusted(origin(issuer)):
            seen.server_metadata[issuer] = {
                place: await once(url) for place, url in metadata_locations.of_server(issuer).items()
            }


async def _refused(seen: Observations, server: Document, profiles: Sequence[Profile], walker: Walker) -> None:
    visitor = walker.visitor
    walker.tell("trying what has to be refused")
    keys, token_endpoint = server.url("jwks_uri"), server.url("token_endpoint")
    if keys is not None:
        seen.jwks = await visitor.ask("GET", keys)
    if token_endpoint is not None:
        form = {"grant_type": "refresh_token", "refresh_token": "unknown", "client_id": _NOBODY}
        seen.token_of_unknown_client = await visitor.ask("POST", token_endpoint, data=form)
    url = oauth_requests.authorization(server, seen.target, _NOBODY, "https://evil.example/cb")
    if not url:
        return
    seen.authorize_unknown_client = await visitor.ask("GET", url)
    if server.confirms("client_id_metadata_document_supported"):
        for profile in profiles:
            if profile.client_id_url is not None:
                walker.tell(f"connecting as {profile.title} does")
                asked = profile.redirect_uris[0]
                scopes = oauth_requests.scopes(seen, server)
                url = oauth_requests.authorization(server, seen.target, profile.client_id_url, asked, scopes)
                seen.documents[profile.name] = await visitor.browse(url, asked)


async def _as_browser(seen: Observations, visitor: Visitor) -> None:
    server = seen.server or Document({})
    answers = [
        *seen.resource_metadata.values(),
        *(each for all_ in seen.server_metadata.values() for each in all_.values()),
    ]
    found = list(dict.fromkeys(each.url for each in answers if each.status == _OK))
    endpoints = [server.url(f"{name}_endpoint") for name in ("token", "registration")]
    for url in [seen.target, *found, *(each for each in endpoints if each is not None)]:
        asked = {
            "Origin": _BROWSER,
            "Access-Control-Request-Method": "GET" if url in found else "POST",
            "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version",
        }
        seen.preflights[url] = await visitor.ask("OPTIONS", url, headers=asked)
    for url in found:
        seen.from_browsers[url] = await visitor.ask("GET", url, headers={"Origin": _BROWSER})
    headers = {**mcp.headers(None), "Origin": _BROWSER}
    seen.from_browsers[seen.target] = await visitor.ask("POST", seen.target, json=mcp.initialize(), headers=headers)


def _endpoints(server: Document) -> list[str]:
    names = ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "jwks_uri")
    return [url for name in names if (url := server.url(name)) is not None]
