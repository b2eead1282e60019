"""What a WWW-Authenticate header says (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1), as leniently as clients do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PARAMETER = re.compile(r'(?:^|[\s,])([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_MOST = 4096
_BEARER = re.compile(r"(?:^|,\s*)bearer(?:\s|$|,)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Challenge:
    """is_bearer: one of them is. leads: it is the first. parameters: of all of them, the first of each name. unquoted:
    those without quotes."""

    is_bearer: bool
    leads: bool
    parameters: Mapping[str, str]
    unquoted: frozenset[str]

    @property
    def scopes(self) -> tuple[str, ...]:
        """That it names."""
        return tuple(self.parameters.get("scope", "").split())


def parse(header: str) -> Challenge:
    """Of an empty header, one that says nothing."""
    parameters: dict[str, str] = {}
    unquoted = set()
    header = header[:_MOST]
    for found in _PARAMETER.finditer(header):
        name = found[1].lower()
        if name not in parameters:
            parameters[name] = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
            if found[2] is None:
                unquoted.add(name)
    return Challenge(
        _BEARER.search(header) is not None,
        header.lstrip().lower().startswith("bearer"),
        parameters,
        frozenset(unquoted),
    )
