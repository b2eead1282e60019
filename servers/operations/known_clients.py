"""The copies of known clients' documents, and what their vendors publish now."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from oauth.protocol.clients import known as known_clients
from oauth.protocol.clients.known import KnownClients
from oauth.remote.fetching import FetchFailed, Network, fetch_object

_MOST_BYTES = 64 * 1024
# What a client may do is in these; the rest is for show.
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
    """copy: as it is on file. published: as it is now; None where it could not be fetched, and failure says why."""

    client_id: str
    copy: Mapping[str, Any]
    published: Mapping[str, Any] | None
    failure: str = ""

    @property
    def fields(self) -> list[str]:
        """Where they differ."""
        published = self.published
        if published is None:
            return []
        return [name for name in _COMPARED if _comparable(self.copy.get(name)) != _comparable(published.get(name))]

    @property
    def differs(self) -> bool:
        """Is the copy out of date?"""
        return bool(self.fields)

    @property
    def told(self) -> str:
        """In a word or two."""
        if self.published is None:
            return f"could not be fetched\t{self.failure}"
        return f"differs\t{', '.join(self.fields)}" if self.differs else "same"


async def compare(known: KnownClients, network: Network) -> AsyncIterator[Comparison]:
    """Each in turn."""
    for client_id, copy in known.documents.items():
        try:
            fetched = await fetch_object(client_id, _MOST_BYTES, network)
        except FetchFailed as failure:
            yield Comparison(client_id, copy, None, failure.reason)
        else:
            yield Comparison(client_id, copy, fetched.document)


def render_copies(found: Sequence[Comparison], file: Path | None, now: datetime) -> str:
    """A file of known clients as they are published now; what could not be fetched stays as it was.

    file: of the copies; None is the one that is shipped."""
    copies = json.loads((file or known_clients.SHIPPED).read_text())
    documents = [{**each.copy} if each.published is None else _kept(each.published) for each in found]
    return json.dumps({**copies, "as_of": now.date().isoformat(), "clients": documents}, indent=2) + "\n"


def _kept(published: Mapping[str, Any]) -> dict[str, Any]:
    return {name: published[name] for name in ("client_id", *_COMPARED) if name in published}


def _comparable(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, list) else value
