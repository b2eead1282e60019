"""What an issuer says of itself (RFC 8414 §3, OpenID Connect Discovery §4): where its keys are."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from oauth.protocol.clients import id_url


@dataclass(frozen=True, slots=True)
class IssuerMetadata:
    """jwks_uri: https, of a form that may be fetched."""

    jwks_uri: str


def addresses(issuer: str) -> tuple[str, ...]:
    """Where the metadata may be, in the order in which it is looked for; none for an issuer that can have none."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.removesuffix("/")
    # RFC 8414 §3.1 puts the well-known segment between host and path, OpenID Connect Discovery §4 after the path.
    found = (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )
    # RFC 8414 §2: no query and no fragment.
    if "?" in issuer or "#" in issuer or any(id_url.check(address) is not None for address in found):
        return ()
    return found


def read(document: Mapping[str, object], issuer: str) -> IssuerMetadata | str:
    """A decoded document, found at one of the addresses, or a word that says what is wrong with it."""
    # RFC 8414 §3.3, OpenID Connect Discovery §4.3: the very same string.
    if document.get("issuer") != issuer:
        return "wrong_issuer"
    jwks_uri = document.get("jwks_uri")
    if not isinstance(jwks_uri, str) or id_url.check(jwks_uri) is not None:
        return "jwks_uri_missing"
    return IssuerMetadata(jwks_uri)
