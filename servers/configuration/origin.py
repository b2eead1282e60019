"""Addresses that are safe to send tokens to (D-1)."""

import ipaddress
from urllib.parse import urlsplit

PUBLIC_URL = "scheme, host and optional port of the address that clients see, such as https://mcp.example.com"


def origin_problem(url: str) -> str | None:
    """What keeps a URL from being an origin that is safe to send tokens to (D-1), or None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"is not a URL: set it to the {PUBLIC_URL}"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return f"is not a web address: set it to the {PUBLIC_URL}"
    if url != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc or url != url.lower():
        return f"must be lower case, without path, slash at the end or user: set it to the {PUBLIC_URL}"
    if parts.netloc.endswith(":") or port == {"http": 80, "https": 443}[parts.scheme]:
        return "names the port that its scheme implies: leave the port out"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "is plain http: set it to an https address (http is for this machine alone)"
    return None


def is_loopback(host: str) -> bool:
    """Is it this machine? localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
