"""The requests of OAuth, as clients write them."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from servers.doctor.evidence import discovery
from servers.doctor.evidence.documents import Document
from servers.doctor.evidence.observations import Observations

_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 Appendix B
_OFFLINE = "offline_access"
_OTHER_PORT = 51999


def metadata(
    name: str, redirect_uris: Sequence[str], scopes: Sequence[str] = (), application_type: str | None = None
) -> dict[str, object]:
    """A public client's, to be registered (RFC 7591 §2)."""
    return {
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **({"scope": " ".join(scopes)} if scopes else {}),
        **({"application_type": application_type} if application_type is not None else {}),
    }


def authorization(
    server: Document,
    target: str,
    client_id: str,
    redirect_uri: str,
    scopes: Sequence[str] = (),
    challenge: str = _CHALLENGE,
    state: str = "doctor",
) -> str:
    """The URL of a request for a code, with PKCE (OAuth 2.1 §4.1.1). Empty where there is no endpoint for it."""
    endpoint = server.url("authorization_endpoint")
    if endpoint is None:
        return ""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": state,
        "resource": target,
        **({"scope": " ".join(scopes)} if scopes else {}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def scopes(seen: Observations, server: Document) -> tuple[str, ...]:
    """What a client asks for: what the challenge names, or else the resource; and to stay connected, where it can."""
    asked = discovery.challenged_scopes(seen)
    return (*asked, _OFFLINE) if _OFFLINE in server.strings("scopes_supported") and _OFFLINE not in asked else asked


def s256(verifier: str) -> str:
    """RFC 7636 §4.2."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def at_other_port(uri: str) -> str:
    """The same loopback redirect, of a client that listens elsewhere this time (RFC 8252 §7.3)."""
    parts = urlsplit(uri)
    return parts._replace(netloc=f"{parts.hostname}:{_OTHER_PORT}").geturl()
