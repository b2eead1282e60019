"""Where metadata is looked for (RFC 9728 §3.1, RFC 8414 §3, OpenID Connect Discovery §4)."""

from urllib.parse import urlsplit

from servers.doctor.evidence.challenges import Challenge
from servers.doctor.evidence.documents import is_url, origin


def of_resource(target: str, challenge: Challenge) -> dict[str, str]:
    """By the name of the place."""
    named = challenge.parameters.get("resource_metadata")
    path = urlsplit(target).path.rstrip("/")
    root = f"{origin(target)}/.well-known/oauth-protected-resource"
    return {**({"challenge": named} if is_url(named) else {}), "path": root + path, "root": root}


def of_server(issuer: str) -> dict[str, str]:
    """By the name of the place. The last two are where some clients look in the end, for an issuer with a path."""
    base, path = origin(issuer), urlsplit(issuer).path.rstrip("/")
    oauth, openid = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
    found = {"oauth": f"{base}{oauth}{path}", "openid": f"{base}{openid}{path}"}
    if path:
        found |= {
            "openid_appended": f"{base}{path}{openid}",
            "oauth_root": f"{base}{oauth}",
            "openid_root": f"{base}{openid}",
        }
    return found
