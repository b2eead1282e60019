"""Documents of widespread clients, for where they cannot be fetched: some answer 403 to data centres (P-4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oauth.protocol.reserved_redirects import Vendor

SHIPPED = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class KnownClients:
    """as_of: the date of the copies. documents: by client id. vendors: whose callbacks are nobody else's.
    custom_redirects: redirects to schemes of apps that are no domain name in reverse, and are taken all the same."""

    as_of: str
    documents: Mapping[str, Mapping[str, Any]]
    vendors: tuple[Vendor, ...]
    custom_redirects: frozenset[str]

    def document(self, url: str) -> Mapping[str, Any] | None:
        """The copy for a client id."""
        return self.documents.get(url)


def load(path: Path | None = None) -> KnownClients:
    """path: a file to read instead of the one that is shipped. Raises OSError, ValueError."""
    try:
        read = json.loads((path or SHIPPED).read_text())
        return KnownClients(
            read["as_of"],
            {document["client_id"]: document for document in read["clients"]},
            tuple(_vendor(each) for each in read["vendors"]),
            frozenset(read["custom_redirects"]),
        )
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError("is not a file of known clients") from error


def _vendor(described: Mapping[str, Any]) -> Vendor:
    return Vendor(
        described["name"],
        frozenset(described["publishers"]),
        frozenset(described["hosts"]),
        tuple(described["callbacks"]),
    )
