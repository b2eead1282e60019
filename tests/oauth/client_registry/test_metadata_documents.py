"""A crowd that brings one new client causes one fetch."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from oauth.client_registry.metadata_documents import MetadataDocuments
from oauth.protocol.clients import known as known_clients
from oauth.protocol.models import Client
from oauth.protocol.settings import Settings
from oauth.stores.opening import OpenDatabase, open_database, store_on
from tests.support.builders import PUBLIC_URL, RESOURCES
from tests.support.clock import SettableClock
from tests.support.document_server import DocumentServer, document_server

URL = "https://app.test/client.json"


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[DocumentServer]:
    with document_server(tmp_path) as running:
        running.publish(URL, {"client_id": URL, "client_name": "A", "redirect_uris": ["http://127.0.0.1/cb"]})
        yield running


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[OpenDatabase]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


def documents(database: OpenDatabase, hosts: DocumentServer, clock: SettableClock) -> MetadataDocuments:
    settings, known = Settings(PUBLIC_URL), known_clients.load()
    return MetadataDocuments(store_on(database).clients, hosts.network(), settings, known, RESOURCES.scopes, clock)


# STD-213
async def test_a_thousand_at_once_are_one_fetch(
    database: OpenDatabase, hosts: DocumentServer, clock: SettableClock
) -> None:
    ours = documents(database, hosts, clock)
    found = await asyncio.gather(*(ours.client(URL) for _ in range(1000)))
    assert all(isinstance(client, Client) for client in found)
    assert hosts.asked == [URL]


async def test_whoever_leaves_does_not_end_the_fetch_for_the_others(
    database: OpenDatabase, hosts: DocumentServer, clock: SettableClock
) -> None:
    ours = documents(database, hosts, clock)
    first, second = asyncio.ensure_future(ours.client(URL)), asyncio.ensure_future(ours.client(URL))
    while not hosts.resolved:  # noqa: ASYNC110 - what is waited for happens elsewhere
        await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Client)


async def test_two_nodes_keep_one_client(database: OpenDatabase, hosts: DocumentServer, clock: SettableClock) -> None:
    ours, theirs = documents(database, hosts, clock), documents(database, hosts, clock)
    assert await asyncio.gather(ours.client(URL), theirs.client(URL))
    assert isinstance(await theirs.client(URL), Client)
    assert len(hosts.asked) <= 2


def test_shipped_copies_are_documents_of_their_clients() -> None:
    from oauth.protocol.clients import id_url, metadata_document  # noqa: PLC0415
    from oauth.protocol.clients.metadata_document import PublishedClient  # noqa: PLC0415

    known = known_clients.load()
    for url, document in known.documents.items():
        assert id_url.check(url) is None
        assert isinstance(metadata_document.read(dict(document), url, RESOURCES.scopes, known), PublishedClient)
