"""The walk: every request without a person, few and none twice."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from servers.doctor import discovery, mcp, places, requests
from servers.doctor.asking import Visitor
from servers.doctor.belongings import Belongings
from servers.doctor.documents import Document
from servers.doctor.observations import Answer, Observations
from servers.doctor.profiles import Profile
from servers.doctor.registering import register_all

Tell = Callable[[str], None]

_BROWSER = "https://browser-client.example"
_NOBODY = "client-that-nobody-registered"
_OK = 200


@dataclass(frozen=True, slots=True)
class Walker:
    """Who goes, and with what."""

    visitor: Visitor
    belongings: Belongings
    tell: Tell


async def walk(target: str, profiles: Sequence[Profile], walker: Walker, *, register: bool) -> Observations:
    """All that can be seen without signing in. register: whether clients may be registered for it, and removed."""
    visitor = walker.visitor
    seen = Observations(target, visitor.answers)
    walker.tell("asking for a challenge")
    await _knock(seen, visitor)
    if seen.unauthenticated.status == 0:
        return seen
    walker.tell("reading metadata")
    await _read(seen, profiles, walker)
    servers = [found.document for profile in profiles if (found := discovery.server_of(profile, seen)) is not None]
    if servers:
        seen.server = servers[0]
        await _refused(seen, servers[0], profiles, walker)
        if register:
            await register_all(seen, profiles, visitor, walker.belongings, walker.tell, secrets.token_hex(3))
    walker.tell("asking as a browser does")
    await _as_browser(seen, visitor)
    return seen


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

    for place, url in places.of_resource(seen.target, seen.unauthenticated.challenge).items():
        seen.resource_metadata[place] = await once(url)
    for issuer in dict.fromkeys(discovery.issuer_of(profile, seen) for profile in profiles):
        if issuer:
            seen.server_metadata[issuer] = {place: await once(url) for place, url in places.of_server(issuer).items()}


async def _refused(seen: Observations, server: Document, profiles: Sequence[Profile], walker: Walker) -> None:
    visitor = walker.visitor
    walker.tell("trying what has to be refused")
    keys, token_endpoint = server.url("jwks_uri"), server.url("token_endpoint")
    if keys is not None:
        seen.jwks = await visitor.ask("GET", keys)
    if token_endpoint is not None:
        form = {"grant_type": "refresh_token", "refresh_token": "unknown", "client_id": _NOBODY}
        seen.token_of_unknown_client = await visitor.ask("POST", token_endpoint, data=form)
    url = requests.authorization(server, seen.target, _NOBODY, "https://evil.example/cb")
    if not url:
        return
    seen.authorize_unknown_client = await visitor.ask("GET", url)
    if server.confirms("client_id_metadata_document_supported"):
        for profile in profiles:
            if profile.client_id_url is not None:
                walker.tell(f"connecting as {profile.title} does")
                asked = profile.redirect_uris[0]
                scopes = requests.scopes(seen, server)
                url = requests.authorization(server, seen.target, profile.client_id_url, asked, scopes)
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
