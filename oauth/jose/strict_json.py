"""JSON from strangers: one object, no duplicate members, no NaN, no deep nesting, no broken Unicode."""

import json
import re
from typing import Never

MAX_DEPTH = 8

# A string, or the rest where one never ends; possessive, so that the time it takes grows with the length alone.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def parse_object(raw: bytes) -> dict[str, object] | None:
    """The object that raw spells, or None for anything else. Never raises, whatever the bytes (F-29).

    Duplicate members are refused (RFC 7515 §4, RFC 8259 §4 leave it open; readers that differ are an attack),
    as are NaN and Infinity, which are not JSON, and escaped lone surrogates, which are not Unicode."""
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _too_deep(raw):
        return None
    try:
        text = raw.decode()
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse(_: str) -> Never:
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)


def _too_deep(raw: bytes) -> bool:
    """Is anything nested deeper than MAX_DEPTH? Brackets inside strings do not count."""
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False
