"""Shipped copies against what vendors publish now."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oauth.protocol.clients import known as known_clients
from servers.operations import known_clients as known_documents
from servers.operations.known_clients import Comparison
from tests.support.document_server import DocumentServer, document_server

URL = "https://claude.ai/oauth/mcp-oauth-client-metadata"
KNOWN = known_clients.load()
COPY = dict(KNOWN.documents[URL])


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[DocumentServer]:
    with document_server(tmp_path) as running:
        yield running


async def compared(hosts: DocumentServer) -> Comparison:
    only = replace(KNOWN, documents={URL: COPY})
    (found,) = [each async for each in known_documents.compare(only, hosts.network())]
    return found


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "same"),
        ({"logo_uri": "https://claude.ai/logo.png"}, "same"),
        ({"redirect_uris": COPY["redirect_uris"][::-1]}, "same"),
        ({"client_name": "Claude II"}, "differs\tclient_name"),
        ({"redirect_uris": ["https://claude.ai/new"]}, "differs\tredirect_uris"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://claude.ai/k"},
            "differs\ttoken_endpoint_auth_method, jwks_uri",
        ),
        ({"scope": "mcp:read"}, "differs\tscope"),
        (
            {"require_pushed_authorization_requests": True, "dpop_bound_access_tokens": True},
            "differs\trequire_pushed_authorization_requests, dpop_bound_access_tokens",
        ),
    ],
)
async def test_difference_is_told_by_its_fields(hosts: DocumentServer, changed: dict[str, Any], told: str) -> None:
    hosts.publish(URL, {**COPY, **changed})
    assert (await compared(hosts)).summary == told


async def test_what_a_client_is_held_to_is_written_down_with_the_rest(hosts: DocumentServer) -> None:
    held = {"require_pushed_authorization_requests": True, "dpop_bound_access_tokens": True, "scope": "mcp:read"}
    hosts.publish(URL, {**COPY, **held, "logo_uri": "https://claude.ai/logo.png"})
    written = json.loads(known_documents.render_copies([await compared(hosts)], None, datetime(2026, 9, 1, tzinfo=UTC)))
    assert written["clients"] == [{**COPY, **held}]


async def test_document_that_cannot_be_fetched_is_no_difference(hosts: DocumentServer) -> None:
    hosts.publish(URL, b"forbidden", status=403)
    found = await compared(hosts)
    assert (found.summary, found.differs) == ("could not be fetched\tstatus_403", False)


async def test_renewed_file_can_be_used_instead_of_the_shipped_one(hosts: DocumentServer, tmp_path: Path) -> None:
    hosts.publish(URL, {**COPY, "client_name": "Claude II"})
    file = tmp_path / "known.json"
    file.write_text(known_documents.render_copies([await compared(hosts)], None, datetime(2026, 12, 1, tzinfo=UTC)))
    loaded = known_clients.load(file)
    document = loaded.document(URL)
    assert document is not None
    assert (loaded.as_of, document["client_name"]) == ("2026-12-01", "Claude II")
    assert loaded.vendors == KNOWN.vendors
    assert json.loads(file.read_text())["custom_redirects"] == sorted(KNOWN.custom_redirects)


async def test_renewed_file_keeps_what_the_operator_changed_in_the_file_before_it(
    hosts: DocumentServer, tmp_path: Path
) -> None:
    hosts.publish(URL, COPY)
    own = tmp_path / "own.json"
    own.write_text(json.dumps({**json.loads(known_clients.SHIPPED.read_text()), "custom_redirects": ["ourapp://in"]}))
    renewed = known_documents.render_copies([await compared(hosts)], own, datetime(2026, 12, 1, tzinfo=UTC))
    assert json.loads(renewed)["custom_redirects"] == ["ourapp://in"]
