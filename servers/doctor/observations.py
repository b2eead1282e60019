"""What the doctor has seen of a deployment, before anything is made of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request; status 0 where there was none, and then problem says why. seconds: until it was there."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    seconds: float = 0.0
    problem: str = ""

    @property
    def json(self) -> dict[str, Any] | None:
        """The JSON object in the body, if it is one and said to be."""
        if "json" not in self.headers.get("content-type", ""):
            return None
        try:
            read = json.loads(self.text)
        except ValueError:
            return None
        return read if isinstance(read, dict) else None

    @property
    def error(self) -> str | None:
        """The code of an OAuth error."""
        code = (self.json or {}).get("error")
        return code if isinstance(code, str) else None

    @property
    def location(self) -> str | None:
        """Where a redirect leads."""
        return self.headers.get("location") if self.status // 100 == 3 else None  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Registration:
    """A client that was registered as a profile does it, and what /authorize says to redirects of it."""

    profile: str
    answer: Answer
    authorized: Mapping[str, Answer] = field(default_factory=dict)
    removed: bool | None = None


@dataclass(slots=True)
class Observations:
    """target: the URL of the MCP server, as somebody would type it. resource_metadata, server_metadata: by where they
    were looked for."""

    target: str
    unauthenticated: Answer
    bad_token: Answer
    other_slash: Answer
    resource_metadata: dict[str, Answer] = field(default_factory=dict)
    server_metadata: dict[str, Answer] = field(default_factory=dict)
    jwks: Answer | None = None
    token_of_unknown_client: Answer | None = None
    authorize_unknown_client: Answer | None = None
    documents: dict[str, Answer] = field(default_factory=dict)
    registrations: list[Registration] = field(default_factory=list)
    preflights: dict[str, Answer] = field(default_factory=dict)
    from_browsers: dict[str, Answer] = field(default_factory=dict)

    @property
    def resource(self) -> dict[str, Any] | None:
        """The resource's metadata, from the first place that has it."""
        return next((found.json for found in self.resource_metadata.values() if _is_document(found)), None)

    @property
    def issuer(self) -> str | None:
        """The first authorization server that the resource names; the only one that some clients look at."""
        named = (self.resource or {}).get("authorization_servers")
        return str(named[0]) if isinstance(named, list) and named else None

    @property
    def server(self) -> dict[str, Any] | None:
        """The authorization server's metadata, from the first place that has it."""
        return next((found.json for found in self.server_metadata.values() if _is_document(found)), None)

    @property
    def answers(self) -> list[Answer]:
        """Every one there was."""
        single = [self.unauthenticated, self.bad_token, self.other_slash]
        single += [
            each
            for each in (self.jwks, self.token_of_unknown_client, self.authorize_unknown_client)
            if each is not None
        ]
        found = [*self.resource_metadata.values(), *self.server_metadata.values(), *self.documents.values()]
        return [*single, *found, *(each.answer for each in self.registrations)]


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_document(answer: Answer) -> bool:
    return answer.status == 200 and answer.json is not None  # noqa: PLR2004
