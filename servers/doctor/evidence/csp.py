"""Where a page's Content-Security-Policy lets its forms end (CSP Level 3 §6.4.1, and source lists of §2.3.1).

Chromium holds the redirects that follow a form to the same list."""

import re
from urllib.parse import urlsplit

from servers.doctor.evidence.documents import origin

_SOURCE = re.compile(r"(?:([a-z][a-z0-9+.-]*)://)?([^:/]+|\[[^\]]*\])(?::(\d+|\*))?(?:/.*)?", re.IGNORECASE)
_META = re.compile(r"<meta\b([^<>]{0,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_HEADER = "content-security-policy"
_PORTS = {"http": "80", "https": "443"}


def lets_forms_end_at(uri: str, policy: str, page: str) -> bool:
    """policy: a header, which may have several separated by commas: all of them count. page: the URL that has it."""
    return all(_allows(uri, sources, page) for each in policy.split(",") if (sources := _form_action(each)) is not None)


def in_page(html: str) -> list[str]:
    """The policies in `meta` elements."""
    metas = [dict(_given(attributes)) for attributes in _META.findall(html)]
    return [each.get("content", "") for each in metas if each.get("http-equiv", "").lower() == _HEADER]


def origin_or_scheme(uri: str) -> str:
    """What a source list has to name."""
    return origin(uri) or f"{uri.partition(':')[0]}:"


def _given(attributes: str) -> list[tuple[str, str]]:
    return [(name.lower(), double or single or bare) for name, double, single, bare in _ATTRIBUTE.findall(attributes)]


def _form_action(policy: str) -> list[str] | None:
    """The sources of the directive, which has no default; None where it is not there."""
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        if name.lower() == "form-action":
            return sources
    return None


def _allows(uri: str, sources: list[str], page: str) -> bool:
    return any(_matches(uri, source, page) for source in sources)


def _matches(uri: str, source: str, page: str) -> bool:
    scheme = uri.partition(":")[0].lower()
    if source.lower() == "'self'":
        return bool(origin(uri)) and origin(uri) == origin(page)
    if source == "*":
        return scheme in _PORTS
    if source.endswith(":") and "/" not in source:
        return _schemes(source[:-1].lower(), scheme)
    found = _SOURCE.fullmatch(source)
    if found is None or not origin(uri):
        return False
    named, host, port = found[1] or page.partition(":")[0], found[2].lower(), found[3]
    parts = urlsplit(uri)
    own_port = str(parts.port or _PORTS[scheme])
    ports = port == "*" or own_port == (port or _PORTS.get(scheme))
    return _schemes(named.lower(), scheme) and _hosts(host, parts.hostname or "") and ports


def _schemes(named: str, scheme: str) -> bool:
    """A secure scheme is as good as the plain one that is named."""
    return named == scheme or (named, scheme) == ("http", "https")


def _hosts(named: str, host: str) -> bool:
    return host.endswith(named[1:]) if named.startswith("*.") else named in {host, f"[{host}]", "*"}
