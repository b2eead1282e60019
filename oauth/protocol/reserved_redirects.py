"""Callbacks of hosted assistants: they lead to one vendor, so nobody else may have them, and that vendor no others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol import redirect_uri
from oauth.protocol.errors import OAuthError, invalid_redirect_uri

# The one part of a callback that a vendor makes up for each connection.
_CONNECTION = "{id}"
_ID = r"[A-Za-z0-9_-]{1,128}"


@dataclass(frozen=True, slots=True)
class Vendor:
    """publishers: hosts whose metadata documents are the vendor's own. hosts: where its callbacks are. callbacks: those
    that are known; `{id}` stands for one path segment."""

    name: str
    publishers: frozenset[str]
    hosts: frozenset[str]
    callbacks: tuple[str, ...]

    def has(self, uri: str) -> bool:
        """Is it one of its callbacks?"""
        return any(re.fullmatch(re.escape(each).replace(re.escape(_CONNECTION), _ID), uri) for each in self.callbacks)


def check(redirect_uris: Sequence[str], publisher: str | None, vendors: Sequence[Vendor]) -> OAuthError | None:
    """May these be the redirects of one client? publisher: the host of its metadata document; None where it registers
    itself, and so may be anybody: an answer to a vendor's callback reaches that vendor, whoever asked for it."""
    for vendor in vendors:
        there = [uri for uri in redirect_uris if redirect_uri.host(uri) in vendor.hosts]
        if not there or publisher in vendor.publishers:
            continue
        if publisher is not None:
            return _refused(f"The callbacks of {vendor.name} are for its own clients.")
        if not all(map(vendor.has, there)):
            return _refused(f"This is not a callback of {vendor.name}.")
        # Otherwise an app could borrow the vendor's good name on the consent page, and be answered elsewhere.
        if len(there) < len(redirect_uris):
            return _refused(f"A client with a callback of {vendor.name} can have no others.")
    return None


def _refused(description: str) -> OAuthError:
    return invalid_redirect_uri(description, reason=ReasonCode.REDIRECT_RESERVED)
