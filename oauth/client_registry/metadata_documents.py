"""Clients whose id is the URL of their metadata: fetched when somebody connects, kept, and never asked for by a token
request (D-8, D-19)."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeGuard

import structlog

from oauth.foundation.bounded_cache import BoundedCache
from oauth.foundation.clock import Clock
from oauth.foundation.outages import StoreUnavailable
from oauth.foundation.reason_codes import ReasonCode, ReasonDetail
from oauth.foundation.vocabulary import ClientId, Scope
from oauth.jose import jwk_set
from oauth.protocol.clients import id_url, metadata_document
from oauth.protocol.clients.known import KnownClients
from oauth.protocol.clients.metadata_document import PublishedClient
from oauth.protocol.errors import OAuthError, invalid_client
from oauth.protocol.models import Client, Registration
from oauth.protocol.settings import Settings
from oauth.remote.fetching import LEAST_FRESH, Fetched, FetchFailed, Network, fetch_object
from oauth.stores.ports import Clients

log = structlog.get_logger()

_MOST_BYTES = 5 * 1024  # STD-207
_MOST_KEY_BYTES = 32 * 1024
# So long is a copy good whose server no longer answers (P-4).
_LAST_GOOD = timedelta(days=7)
# RFC 9110 §15.5.11: on purpose and for good. Anything else may be a fault at the vendor's.
_GONE = "status_410"
# After a failure nobody asks again for a while; and so many documents and key sets are fetched in a window by one
# process.
_PAUSE = timedelta(seconds=30)
_WINDOW, _MOST_FETCHES = timedelta(minutes=1), 120
_MOST_FAILURES = 10_000
_UNBOUNDED = 1_000_000_000
_KEYS_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Failure:
    """until: so long nobody asks again. refusal: of what was there, if it was there."""

    until: datetime
    refusal: OAuthError | None


@dataclass(slots=True)
class _KeysAsked:
    """at: when an address was asked for keys. client_id: of the client that they were for. came: whether they are
    there."""

    at: datetime
    client_id: ClientId
    came: bool = False


@dataclass
class _Fetches:
    """How many in this window."""

    began: datetime
    count: int = 0
    failures: BoundedCache[str, _Failure] = field(default_factory=lambda: BoundedCache(_MOST_FAILURES))


class MetadataDocuments:
    """known: documents of clients whose servers do not answer everybody."""

    def __init__(
        self,
        clients: Clients,
        network: Network,
        settings: Settings,
        known: KnownClients,
        scopes: frozenset[Scope],
        clock: Clock,
    ) -> None:
        self._clients = clients
        self._network = network
        self._settings = settings
        self._known = known
        self._scopes = scopes
        self._clock = clock
        self._fetching: dict[str, asyncio.Task[Client | OAuthError]] = {}
        self._fetches = _Fetches(clock())
        self._keys_asked: BoundedCache[str, _KeysAsked] = BoundedCache(_MOST_FAILURES)
        self._renewing: set[asyncio.Task[None]] = set()

    async def client(self, url: str) -> Client | OAuthError:
        """The client of a URL, as it is published now or was not long ago. Raises StoreUnavailable."""
        refused = id_url.check(url)
        if refused is not None:
            return refused
        if not self._settings.documents.admits(id_url.host(url)):
            return invalid_client("Apps of this host cannot connect here.", reason=ReasonCode.CLIENT_DOCUMENT_HOST)
        stored = await self._clients.get(ClientId(url))
        if self._is_fresh(stored):
            return stored
        task = self._fetching.get(url)
        if task is None:
            task = asyncio.create_task(self._renew(url))
            self._fetching[url] = task
            task.add_done_callback(lambda _: self._fetching.pop(url))
        return await asyncio.shield(task)

    async def renew_keys(self, client: Client | None) -> bool:
        """Begin to fetch the keys of a client again, which may have changed them: every five minutes at most. → whether
        its request may be good the next time: not where its keys have no address, nor once they have been looked at.
        Raises StoreUnavailable."""
        if client is None or client.jwks_uri is None:
            return False
        now, address = self._clock(), client.jwks_uri
        asked = self._keys_asked.get(address)
        if asked is not None and now < asked.at + _KEYS_PAUSE:
            # D-16: what is under way or could not be had says nothing against the client.
            return not asked.came or await self._take_keys(client, address, asked.client_id)
        asked = self._keys_asked[address] = _KeysAsked(now, client.client_id)
        task = asyncio.create_task(self._renew_keys(address, asked))
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)
        return True

    async def _take_keys(self, client: Client, address: str, renewed: ClientId) -> bool:
        """The clients of one vendor publish one key set: give this one what came for another. → whether it is news."""
        other = await self._clients.get(renewed)
        if other is None or other.jwks is None or other.jwks_uri != address or other.jwks == client.jwks:
            return False
        await self._clients.renew_keys(client.client_id, address, other.jwks)
        return True

    async def _renew_keys(self, address: str, asked: _KeysAsked) -> None:
        client_id = asked.client_id
        try:
            fetched = await fetch_object(address, _MOST_KEY_BYTES, self._network)
        except FetchFailed as failure:
            log.info("client_keys_unavailable", client_id=client_id, reason=failure.reason)
            return
        if not jwk_set.usable_keys(fetched.document):
            log.info("client_keys_unavailable", client_id=client_id, reason=ReasonDetail.WITHOUT_KEYS)
            return
        try:
            await self._clients.renew_keys(client_id, address, json.dumps(fetched.document))
        except StoreUnavailable as outage:
            log.warning("client_keys_lost", client_id=client_id, cause=str(outage))
        else:
            asked.came = True
            log.info("client_keys_renewed", client_id=client_id)

    def _is_fresh(self, stored: Client | None) -> TypeGuard[Client]:
        return stored is not None and stored.fresh_until is not None and self._clock() < stored.fresh_until

    async def _renew(self, url: str) -> Client | OAuthError:
        # Somebody who read before the last fetch was over comes here after it.
        stored = await self._clients.get(ClientId(url))
        if self._is_fresh(stored):
            return stored
        recent = self._recent_failure(url)
        if recent is not None and recent.refusal is not None:
            return recent.refusal
        try:
            fetched = await self._fetch(url, _MOST_BYTES)
        except FetchFailed as failure:
            return await self._without_network(url, stored, failure.reason)
        published = metadata_document.read(fetched.document, url, self._scopes, self._known)
        if isinstance(published, OAuthError):
            self._note_failure(url, published)
            log.info("client_document_refused", client_id=url, reason=published.description)
            return published
        fresh_for = fetched.fresh_for
        try:
            jwks = await self._keys_of(published)
        except FetchFailed as failure:
            # STD-210: the copy of a document that can be had is over. Its keys are not, where it still means them.
            if stored is None or stored.jwks is None or stored.jwks_uri != published.jwks_uri:
                instead = await self._without_network(url, None, f"jwks_{failure.reason}")
                self._note_failure(url, instead if isinstance(instead, OAuthError) else None)
                return instead
            log.info("client_keys_unavailable", client_id=url, reason=failure.reason)
            jwks, fresh_for = stored.jwks, LEAST_FRESH
        return await self._keep(url, published, jwks, self._clock() + fresh_for)

    async def _fetch(self, url: str, most_bytes: int) -> Fetched:
        now = self._clock()
        # Nobody puts this off by asking meanwhile.
        if self._recent_failure(url) is not None:
            raise FetchFailed("failed_a_moment_ago")
        if now - self._fetches.began >= _WINDOW:
            self._fetches = _Fetches(now, failures=self._fetches.failures)
        self._fetches.count += 1
        if self._fetches.count > _MOST_FETCHES:
            raise FetchFailed("too_many_fetches")
        try:
            return await fetch_object(url, most_bytes, self._network)
        except FetchFailed:
            self._note_failure(url)
            raise

    async def _keys_of(self, published: PublishedClient) -> str | None:
        if published.jwks_uri is None:
            return published.jwks
        fetched = await self._fetch(published.jwks_uri, _MOST_KEY_BYTES)
        if not jwk_set.usable_keys(fetched.document):
            raise FetchFailed("without_keys")
        return json.dumps(fetched.document)

    async def _without_network(self, url: str, stored: Client | None, reason: str) -> Client | OAuthError:
        """The last good copy, or one that came with the program."""
        log.info("client_document_unavailable", client_id=url, reason=reason)
        now = self._clock()
        if stored is not None and reason == _GONE:
            # The copy has had its time, for every node.
            ended, expires_at = now - _LAST_GOOD, now + self._settings.registration.unused_lifetime
            stored = await self._clients.renew_published(replace(stored, fresh_until=ended, expires_at=expires_at))
        if stored is not None and stored.fresh_until is not None and now < stored.fresh_until + _LAST_GOOD:
            return stored
        document = self._known.document(url)
        published = None if document is None else metadata_document.read(dict(document), url, self._scopes, self._known)
        if isinstance(published, PublishedClient):
            try:
                return await self._keep(url, published, await self._keys_of(published), now + LEAST_FRESH)
            except FetchFailed as failure:
                log.info("client_document_unavailable", client_id=url, reason=f"jwks_{failure.reason}")
        # Whatever it was, strangers hear the same: nobody maps a network by asking us (STD-212).
        return invalid_client(
            "The app's description could not be fetched.", reason=ReasonCode.CLIENT_DOCUMENT_UNAVAILABLE
        )

    async def _keep(
        self, url: str, published: PublishedClient, jwks: str | None, fresh_until: datetime
    ) -> Client | OAuthError:
        now, metadata, policy = self._clock(), published.metadata, self._settings.registration
        client = Client(
            client_id=ClientId(url),
            registration=Registration.METADATA_DOCUMENT,
            name=metadata.name,
            redirect_uris=metadata.redirect_uris,
            authentication_method=metadata.authentication_method,
            secret_digest=None,
            grant_types=metadata.grant_types,
            scope=metadata.scope,
            created_at=now,
            expires_at=now + policy.unused_lifetime,
            jwks=jwks,
            fresh_until=fresh_until,
            jwks_uri=published.jwks_uri,
            requires_pushed_requests=metadata.requires_pushed_requests,
            dpop_bound=metadata.dpop_bound,
        )
        # What has become of it here (switched off, in use) is not for its document to say.
        kept = await self._clients.renew_published(client)
        log.info("client_document_kept", client_id=url, is_new=kept is None)
        if kept is not None:
            return kept
        # One of a few that everybody knows is not kept out by strangers who register in masses.
        room = policy.unused if self._known.document(url) is None else _UNBOUNDED
        added = await self._clients.register(client, room, now - policy.spared_for)
        return added or invalid_client(
            "Too many apps that nobody uses are known here.", reason=ReasonCode.REGISTRATIONS_FULL
        )

    def _recent_failure(self, url: str) -> _Failure | None:
        failure = self._fetches.failures.get(url)
        return failure if failure is not None and self._clock() < failure.until else None

    def _note_failure(self, url: str, refusal: OAuthError | None = None) -> None:
        # STD-205: that it failed is not kept, only how soon it is tried again, and what is said until then.
        self._fetches.failures[url] = _Failure(self._clock() + _PAUSE, refusal)
