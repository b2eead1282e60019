"""A client id that is the https URL of the client's own metadata (draft-ietf-oauth-client-id-metadata-document §3)."""

import re
from urllib.parse import urlsplit

from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol.errors import OAuthError, invalid_client

PREFIX = "https://"
MAX_LENGTH = 512

# A name in the domain name system, in lower case; a numeral in any spelling has no such last label.
_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]+")
_DOT = re.compile(r"%2e", re.IGNORECASE)


def is_url(client_id: str) -> bool:
    """Does the id claim to be a URL? Ids that we make up never do (STD-211)."""
    return client_id.startswith(PREFIX)


def check(client_id: str) -> OAuthError | None:
    """May this URL be fetched as a client's metadata? (§3; nothing is normalised: the document has to say the same.)"""
    parts = urlsplit(client_id) if len(client_id) <= MAX_LENGTH and _CHARACTERS.fullmatch(client_id) else None
    if parts is None or not is_url(client_id) or "#" in client_id:
        return _refused("A client id that is a URL must be an https URL without a fragment.")
    # Ours: 443 alone, so that nobody uses us to knock at other doors.
    if not _HOST.fullmatch(parts.netloc):
        return _refused("A client id that is a URL must name its host in lower case, without user name or port.")
    segments = _DOT.sub(".", parts.path).split("/")
    if len(parts.path) < 2 or {".", ".."}.intersection(segments):  # noqa: PLR2004 - more than the root
        return _refused("A client id that is a URL must have a path without dot segments.")
    return None


def host(client_id: str) -> str:
    """Who publishes the document."""
    return urlsplit(client_id).netloc


def _refused(description: str) -> OAuthError:
    return invalid_client(description, reason=ReasonCode.CLIENT_ID_URL)
