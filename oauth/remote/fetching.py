"""GET of a stranger's https URL: resolved once, connected to the address that was checked, small, quick, and without
redirects (F-31; draft-ietf-oauth-client-id-metadata-document §6)."""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from urllib.parse import urlsplit

import httpx

from oauth.jose.strict_json import parse_object
from oauth.remote.addresses import is_private, is_public

_TOTAL = timedelta(seconds=5)
# So that there is time for another address where the first one does not answer.
_LIMITS = httpx.Timeout(_TOTAL.total_seconds(), connect=2)
# STD-25. The second is for what a server says nothing of.
LEAST_FRESH, _FRESH, _MOST_FRESH = timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24)
_OK = 200
_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?([0-9]{1,9})\"?\s*(?:,|$)", re.IGNORECASE)
_AGE = re.compile(r"[0-9]{1,9}")
_NOT_KEPT = re.compile(r"(?:^|,)\s*(?:no-store|no-cache)\s*(?:,|=|$)", re.IGNORECASE)

Resolve = Callable[[str], Awaitable[Sequence[str]]]
Is = Callable[[str], bool]


class FetchFailed(Exception):
    """There is no document to be had. reason: for our log; the world hears the same whatever it was."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnusableAnswer(FetchFailed):
    """Its server answered, with something else."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A JSON object. max_age: how long its server wants it to be kept; None: it does not say."""

    document: dict[str, object]
    max_age: timedelta | None

    @property
    def fresh_for(self) -> timedelta:
        """How long it need not be fetched again: what its server says counts within our bounds."""
        return min(max(_FRESH if self.max_age is None else self.max_age, LEAST_FRESH), _MOST_FRESH)


# Of their own: a stranger's name server that never answers would hold up every other look-up of the process, in the few
# threads that the loop has for all of them.
_RESOLVERS = ThreadPoolExecutor(32, "document-hosts")


async def resolve(host: str) -> Sequence[str]:
    """The addresses of a host, by the system's resolver."""
    ask = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, ask)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class Network:
    """Names, addresses, port and trust: the internet's, unless a test says otherwise."""

    resolve: Resolve = resolve
    is_public: Is = is_public
    is_private: Is = is_private
    port: int = 443
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def with_private(self) -> "Network":
        """The same, and an organisation's own: for a host that the operator has said to be there."""
        return replace(self, is_public=lambda address: self.is_public(address) or self.is_private(address))


INTERNET = Network()


async def fetch_object(url: str, most_bytes: int, network: Network) -> Fetched:
    """The JSON object at an https URL that has been checked for its form. Raises FetchFailed."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_TOTAL.total_seconds()):
            addresses = await network.resolve(parts.hostname or "")
            # One that is not public condemns them all: names that lead to both are an attack.
            if not addresses or not all(map(network.is_public, addresses)):
                raise FetchFailed("address_not_public")
            return await _fetch_from(_two_of(addresses), url, most_bytes, network)
    except TimeoutError as error:
        raise FetchFailed("timeout") from error
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchFailed(type(error).__name__) from error


def _two_of(addresses: Sequence[str]) -> Sequence[str]:
    """The one that the resolver prefers, and one of the other family, which may be reached where that one cannot."""
    first, *rest = addresses
    others = [address for address in rest if (":" in address) is not (":" in first)]
    return [first, *(others or rest)[:1]]


@cache
def _internet_trust() -> ssl.SSLContext:
    """Reading all authorities takes 25 ms of the loop, so once."""
    return httpx.create_ssl_context(trust_env=False)


async def _fetch_from(addresses: Sequence[str], url: str, most_bytes: int, network: Network) -> Fetched:
    # A client for each fetch: two hosts behind one address must not share a connection.
    trust = network.context or _internet_trust()
    async with httpx.AsyncClient(verify=trust, trust_env=False, follow_redirects=False, timeout=_LIMITS) as client:
        for address in addresses[:-1]:
            try:
                return await _fetch(client, address, url, most_bytes, network)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await _fetch(client, addresses[-1], url, most_bytes, network)


async def _fetch(client: httpx.AsyncClient, address: str, url: str, most_bytes: int, network: Network) -> Fetched:
    parts = urlsplit(url)
    literal = f"[{address}]" if ":" in address else address
    # Only the operator's own URLs name a port; a stranger's cannot (see client_id_url).
    port = parts.port or network.port
    target = f"https://{literal}:{port}{parts.path}{'?' + parts.query if parts.query else ''}"
    headers = {"Host": parts.netloc, "Accept": "application/json", "Accept-Encoding": "identity"}
    # The certificate is checked for the name, not for the address.
    request = client.build_request("GET", target, headers=headers, extensions={"sni_hostname": parts.hostname})
    response = await client.send(request, stream=True)
    try:
        if response.status_code != _OK:
            raise UnusableAnswer(f"status_{response.status_code}")
        content_type = response.headers.get("content-type", "").split(";", 1)[0].strip()
        if not _JSON.fullmatch(content_type) or "content-encoding" in response.headers:
            raise UnusableAnswer("not_json")
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most_bytes:
                raise UnusableAnswer("oversized")
    finally:
        await response.aclose()
    document = parse_object(body)
    if document is None:
        raise UnusableAnswer("not_json")
    return Fetched(document, _max_age(response.headers))


def _max_age(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9111 §5.2.2, §5.3, and §4.2: what a cache on the way has kept already is over."""
    cache_control, age = headers.get("cache-control", ""), headers.get("age", "")
    if _NOT_KEPT.search(cache_control):
        return timedelta(0)
    found = _MAX_AGE.search(cache_control)
    lifetime = _until_expiry(headers) if found is None else timedelta(seconds=int(found[1]))
    if lifetime is None:
        return None
    return max(timedelta(0), lifetime - timedelta(seconds=int(age) if _AGE.fullmatch(age) else 0))


def _until_expiry(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9111 §5.3: by its server's clock, and an invalid date is one in the past."""
    if "expires" not in headers:
        return None
    expires, sent = _http_date(headers["expires"]), _http_date(headers.get("date", ""))
    if expires is None:
        return timedelta(0)
    return None if sent is None else expires - sent


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # Without a zone it is UTC all the same (RFC 9110 §5.6.7).
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
