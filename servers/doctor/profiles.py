"""What known clients do and need, as data (`profiles.json`)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Profile:
    """registration: the ways that it tries, in its order: `document`, `dynamic`. resource_metadata: where it looks, in
    its order: `challenge`, `path`, `root`; server_metadata likewise, by the names in places.of_server.

    accepts_resource: what the metadata may name: `exact`, the address that people type; `origin`, its origin as well;
    `parent`, any path above as well. stops_at_challenge: where the challenge names a document, it looks at no other.
    skips_others: it goes on looking when a document is of another resource. port: that of its loopback redirect,
    `fixed`, `free` for any, `preferred` for one that it leaves when it is taken. application_type: what it says of
    itself when it registers. is_hosted: it calls from its vendor's
    cloud. protocol: the eras that it speaks, `handshake` or a revision without one. seconds: how long it waits for an
    answer."""

    name: str
    title: str
    redirect_uris: tuple[str, ...]
    registration: tuple[str, ...]
    resource_metadata: tuple[str, ...]
    server_metadata: tuple[str, ...]
    client_id_url: str | None = None
    accepts_resource: str = "exact"
    stops_at_challenge: bool = False
    skips_others: bool = False
    port: str = "fixed"
    application_type: str | None = None
    is_hosted: bool = False
    wants_issuer_in_answers: bool = False
    runs_in_a_browser: bool = False
    protocol: tuple[str, ...] = ("handshake",)
    seconds: float = 10.0


def load() -> tuple[Profile, ...]:
    """All that come with the program."""
    return tuple(map(_profile, json.loads(Path(__file__).with_suffix(".json").read_text())["profiles"]))


def _profile(described: dict[str, Any]) -> Profile:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in described.items()
    }
    return Profile(**values)
