"""Somebody else's JSON and URLs: nothing in them is believed to be what it should be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import urlsplit

_LONGEST_URL = 2000
_LONGEST_SHOWN = 200
_HERE = ("127.0.0.1", "localhost", "::1")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object. Each method gives what is of the right type, and nothing for all else."""

    members: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Is it there, as whatever?"""
        return self.members.get(name) is not None

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.members.get(name)
        return value if isinstance(value, str) else None

    def url(self, name: str) -> str | None:
        """An absolute URL of the web."""
        value = self.members.get(name)
        return value if is_url(value) else None

    def strings(self, name: str) -> tuple[str, ...]:
        """The strings of a list."""
        value = self.members.get(name)
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()

    def confirms(self, name: str) -> bool:
        """Is it `true`, and not only something that counts as true?"""
        return self.members.get(name) is True


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object that the text is, if it is one."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def is_url(value: object) -> TypeGuard[str]:
    """Is it an absolute http or https URL, such as a client can go to?"""
    if not isinstance(value, str) or len(value) > _LONGEST_URL or not value.isascii():
        return False
    if not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return parts.scheme in _PORTS and bool(parts.hostname) and parts.username is None and port_is_good


def origin(url: str) -> str:
    """Scheme, host and port of a URL, in one spelling; empty for what is no URL."""
    if not is_url(url):
        return ""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def host(url: str) -> str:
    """The host of a URL; empty for what is no URL."""
    return (urlsplit(url).hostname or "") if is_url(url) else ""


def is_confidential(url: str | None) -> bool:
    """May codes and tokens be sent there?"""
    return url is not None and (url.startswith("https://") or is_here(url))


def is_here(url: str) -> bool:
    """Does it name this machine, whatever names elsewhere lead to?"""
    return host(url) in _HERE


def shown(value: object) -> str:
    """For a report: a URL without its query, which may hold what is secret; of anything else the beginning or kind."""
    if is_url(value):
        parts = urlsplit(value)
        value = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
