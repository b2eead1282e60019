"""Redirect URIs: which may be registered, and when a request's is one of them (D-20).

They compare as strings. The one exception is the port of a loopback redirect (OAuth 2.1 §8.4.2, RFC 8252 §7.3).
A `RedirectTarget` exists only for a URI that passed `match`: until then there is nothing to redirect to."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from oauth.foundation.reason_codes import ReasonCode
from oauth.protocol.errors import OAuthError, invalid_redirect_uri, invalid_request

MAX_LENGTH = 2048

# Ours: printable ASCII without what browsers and parsers disagree about.
_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.ASCII)
_LOOPBACK = re.compile(
    r"(?P<origin>http://(?:127\.0\.0\.1|\[::1\]|localhost))(?P<port>:[0-9]{1,5})?(?P<rest>[/?].*)?", re.ASCII
)
# No empty labels: with a dot at its end a host is the same for browsers, and another for whoever compares names.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_PRIVATE_USE_SCHEME = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+", re.ASCII)
_RESPONSE_PARAMETERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """A proven redirect URI, and the state to give back with every answer to it."""

    uri: str
    state: str | None

    def answer(self, issuer: str, parameters: Mapping[str, str]) -> str:
        """The URL of an authorization response: the URI's own query is kept (OAuth 2.1 §2.3), `state` and `iss`
        stand in every answer (RFC 9207 §2)."""
        added = {**parameters, **({"state": self.state} if self.state is not None else {}), "iss": issuer}
        return f"{self.uri}{_joint(self.uri)}{urlencode(added, quote_via=quote)}"

    @property
    def host(self) -> str:
        """What the consent page names as the place that the person is sent to."""
        return host(self.uri)


def host(uri: str) -> str:
    """`app.example` of a web URI, `com.example.app:` of an app's own scheme."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return parts.hostname
    return f"{parts.scheme}:"


def is_loopback(uri: str) -> bool:
    """Does the URI stay on the person's own machine?"""
    return _LOOPBACK.fullmatch(uri) is not None


def check_registrable(uri: str, custom: Collection[str] = ()) -> OAuthError | None:
    """May this URI be registered? custom: URIs of known apps, whose scheme is no domain name.

    Source: OAuth 2.1 §2.3, §2.3.1, §8.4; RFC 8252 §7; RFC 7591 §5."""
    if uri in custom:
        return None
    if len(uri) > MAX_LENGTH or not _CHARACTERS.fullmatch(uri):
        return invalid_redirect_uri("A redirect URI has characters or a length that are not allowed.")
    if "#" in uri:
        return invalid_redirect_uri("A redirect URI must not have a fragment.")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return invalid_redirect_uri("A redirect URI is not a URI.")
    if "@" in parts.netloc:
        return invalid_redirect_uri("A redirect URI must not carry a user name.")
    # RFC 9207: a parameter of ours that stood in the query already would appear twice in the answer.
    if _RESPONSE_PARAMETERS & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        return invalid_redirect_uri("A redirect URI must not contain parameters of the response.")
    if uri.startswith("https://"):
        if not _AUTHORITY.fullmatch(parts.netloc) or not parts.path or port == 0:
            return invalid_redirect_uri("An https redirect URI needs a host and a path.")
        return None
    if uri.startswith("http://"):
        # OAuth 2.1 §2.3.1: plain http for loopback only; a prefix is not a host (F-5).
        if not is_loopback(uri) or not parts.path or port == 0:
            return invalid_redirect_uri(
                "An http redirect URI must be http://127.0.0.1, http://[::1] or http://localhost, with a path."
            )
        return None
    # RFC 8252 §7.1: a private-use scheme is a domain name in reverse, so it has a dot.
    scheme, colon, _ = uri.partition(":")
    if not colon or not _PRIVATE_USE_SCHEME.fullmatch(scheme) or not (parts.netloc or parts.path):
        return invalid_redirect_uri(
            "A redirect URI must be https, loopback http, or a private-use scheme with a dot, "
            "such as com.example.app:/callback."
        )
    return None


def match(registered: Sequence[str], uri: str | None, state: str | None) -> RedirectTarget | OAuthError:
    """The proven target of a request, or the reason why there is none.

    uri: as sent, or None; then the client must have registered exactly one (OAuth 2.1 §2.3.2)."""
    if uri is None:
        if len(registered) == 1:
            return RedirectTarget(registered[0], state)
        return invalid_request(
            "redirect_uri is required: the client registered several.", reason=ReasonCode.REDIRECT_URI_MISSING
        )
    if uri in registered or _matches_but_for_port(registered, uri):
        return RedirectTarget(uri, state)
    return invalid_request(
        "redirect_uri is not one that the client registered.", reason=ReasonCode.REDIRECT_URI_MISMATCH
    )


def _matches_but_for_port(registered: Sequence[str], uri: str) -> bool:
    sent = _LOOPBACK.fullmatch(uri)
    if sent is None or not _CHARACTERS.fullmatch(uri) or not _valid_port(sent["port"]):
        return False
    return any(
        (known := _LOOPBACK.fullmatch(candidate)) is not None
        and (known["origin"], known["rest"]) == (sent["origin"], sent["rest"])
        for candidate in registered
    )


def _valid_port(port: str | None) -> bool:
    return port is None or 0 < int(port[1:]) < 1 << 16


def _joint(uri: str) -> str:
    if "?" not in uri:
        return "?"
    return "" if uri.endswith(("?", "&")) else "&"
