"""Where metadata is looked for (RFC 9728 §3.1, RFC 8414 §3, OpenID Connect Discovery §4)."""

import re
from urllib.parse import urlsplit

from servers.doctor.observations import origin

_RESOURCE_METADATA = re.compile(r'resource_metadata="([^"]*)"')


def of_resource(target: str, challenge: str) -> dict[str, str]:
    """By the name of the place. challenge: the WWW-Authenticate header."""
    path = urlsplit(target).path.rstrip("/")
    named = _RESOURCE_METADATA.search(challenge)
    well_known = f"{origin(target)}/.well-known/oauth-protected-resource"
    return {
        **({"challenge": named[1]} if named is not None else {}),
        "path": well_known + path,
        "root": well_known,
    }


def of_server(issuer: str) -> dict[str, str]:
    """By the name of the place."""
    base, path = origin(issuer), urlsplit(issuer).path.rstrip("/")
    places = {
        "oauth": f"{base}/.well-known/oauth-authorization-server{path}",
        "openid": f"{base}/.well-known/openid-configuration{path}",
    }
    return places | ({"openid_appended": f"{base}{path}/.well-known/openid-configuration"} if path else {})
