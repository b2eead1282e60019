"""Compares the copies of known clients' metadata documents with what their vendors publish now."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from oauth.protocol.clients import known as known_clients
from oauth.protocol.clients.known import KnownClients
from oauth.remote.fetching import FetchFailed, Network, fetch_object

_MAX_BYTES = 64 * 1024
# The fields that decide what a client may do, and its name; the others are for display.
_COMPARED = (
    "client_name",
    "redirect_uris",
    "grant_types",
    "token_endpoint_auth_method",
    "jwks_uri",
    "jwks",
    "scope",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A known client's document, on file and as published.

    client_id: the URL of the document.
    copy: the one on file.
    published: the current one; None where it could not be fetched.
    failure: why it could not be fetched."""

    client_id: str
    copy: Mapping[str, Any]
    published: Mapping[str, Any] | None
    failure: str = ""

    @property
    def fields(self) -> list[str]:
        """The names of the compared fields that differ."""
        published = self.published
        if published is None:
            return []
        return [name for name in _COMPARED if _comparable(self.copy.get(name)) != _comparable(published.get(name))]

    @property
    def differs(self) -> bool:
        """Is the copy out of date?"""
        return bool(self.fields)

    @property
    def summary(self) -> str:
        """The result, and after a tab the fields that differ or the failure."""
        if self.published is None:
            return f"could not be fetched\t{self.failure}"
        return f"differs\t{', '.join(self.fields)}" if self.differs else "same"


async def compare(known: KnownClients, network: Network) -> AsyncIterator[Comparison]:
    """Fetch and compare the known clients, one after the other."""
    for client_id, copy in known.documents.items():
        try:
            fetched = await fetch_object(client_id, _MAX_BYTES, network)
        except FetchFailed as failure:
            yield Comparison(client_id, copy, None, failure.reason)
        else:
            yield Comparison(client_id, copy, fetched.document)


def render_copies(found: Sequence[Comparison], file: Path | None, now: datetime) -> str:
    """The contents of a new file of copies. A document that could not be fetched stays as it was.

    file: the present copies; None for the shipped ones."""
    copies = json.loads((file or known_clients.SHIPPED).read_text())
    documents = [{**each.copy} if each.published is None else _select_fields(each.published) for each in found]
    return json.dumps({**copies, "as_of": now.date().isoformat(), "clients": documents}, indent=2) + "\n"


def _select_fields(published: Mapping[str, Any]) -> dict[str, Any]:
    return {name: published[name] for name in ("client_id", *_COMPARED) if name in published}


def _comparable(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, list) else value
