"""What the doctor has seen of a deployment, before anything is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers.doctor.evidence import challenges
from servers.doctor.evidence.challenges import Challenge
from servers.doctor.evidence.documents import Document, parse_object

_OK, _REFUSED = 200, 400
_CREATED = (200, 201)


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request. status 0 where there was none, and then problem says why; with another status, problem says why
    it is not whole. seconds: until it was there. moved_to: where redirects led that were followed."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    seconds: float = 0.0
    problem: str = ""
    moved_to: str = ""

    @property
    def json(self) -> dict[str, Any] | None:
        """The JSON object in the body, whatever it is said to be: clients do not look at that either."""
        return parse_object(self.text)

    @property
    def document(self) -> Document | None:
        """The same, of an answer that is good."""
        read = self.json if self.status == _OK else None
        return None if read is None else Document(read)

    @property
    def message(self) -> dict[str, Any] | None:
        """The JSON-RPC answer in the body, or in the first event of a stream that is one."""
        if "text/event-stream" not in self.headers.get("content-type", ""):
            return self.json
        for line in self.text.splitlines():
            read = parse_object(line.removeprefix("data:")) if line.startswith("data:") else None
            if read is not None and ("result" in read or "error" in read):
                return read
        return None

    @property
    def error(self) -> str | None:
        """The code of an OAuth error."""
        return Document(self.json or {}).text("error")

    @property
    def challenge(self) -> Challenge:
        """What WWW-Authenticate says."""
        return challenges.parse(self.headers.get("www-authenticate", ""))

    @property
    def location(self) -> str | None:
        """Where a redirect leads."""
        return self.headers.get("location") if self.status // 100 == 3 else None  # noqa: PLR2004

    @property
    def client_id(self) -> str | None:
        """Of a registration that was accepted."""
        return Document(self.json or {}).text("client_id") if self.status in _CREATED else None

    @property
    def management(self) -> tuple[str, str] | None:
        """Address and token to change or remove a registration with (RFC 7592 §3), where it has them."""
        registered = Document(self.json or {})
        uri, token = registered.url("registration_client_uri"), registered.text("registration_access_token")
        return None if uri is None or token is None else (uri, token)

    def refusal(self, redirect_uri: str) -> str | None:
        """How a request for a code was refused, if it was: with a page, or with an error sent back."""
        if self.status >= _REFUSED:
            return f"{self.status} {self.error or ''}".rstrip()
        location = self.location or ""
        if not location.startswith(redirect_uri):
            return None
        try:
            codes = parse_qs(urlsplit(location).query).get("error")
        except ValueError:
            return None
        return codes[0] if codes else None


NOT_ASKED = Answer("", "", 0)


class Trouble(StrEnum):
    """What keeps a client from trusting a TLS server."""

    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    OTHER_HOST = "other host"
    OLD_PROTOCOL = "old protocol"
    NO_TLS = "no TLS"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Handshake:
    """A TLS handshake as a client makes it. words: those of the TLS library. expires_at: of a good certificate."""

    trouble: Trouble | None
    words: str = ""
    version: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Visited:
    """What a browser is shown at /authorize: first, the answer; last, the one after redirects on the same origin."""

    redirect_uri: str
    first: Answer
    last: Answer

    @property
    def is_answered(self) -> bool:
        """Was there an answer at each step?"""
        return self.first.status > 0 and self.last.status > 0

    @property
    def refusal(self) -> str | None:
        """How it was refused, if it was."""
        return self.first.refusal(self.redirect_uri) or self.last.refusal(self.redirect_uri)

    @property
    def is_sent_back(self) -> bool:
        """Was the redirect URI taken, whatever else was not?"""
        return (self.last.location or "").startswith(self.redirect_uri)


@dataclass(frozen=True, slots=True)
class Registration:
    """A client that was registered as a profile does it, and what /authorize says to redirects of it."""

    profile: str
    answer: Answer
    visits: Sequence[Visited] = ()
    removed: bool | None = None


@dataclass(frozen=True, slots=True)
class StepUp:
    """A client that registered for narrow and asked for wide: scopes, and what /authorize says to each."""

    narrow: tuple[str, ...]
    wide: tuple[str, ...]
    asked_narrow: Visited
    asked_wide: Visited


@dataclass(slots=True)
class Observations:
    """target: the URL of the MCP server, as somebody would type it. now: aware UTC. answers: every one, in their order.
    handshakes, addresses: by origin. resource_metadata: by the place where it was looked for; server_metadata: by
    issuer and place. server: the metadata that the requests were made by. documents: by profile.
    repeated: a registration that could not be removed, and the same once more."""

    target: str
    now: datetime
    answers: Sequence[Answer] = ()
    handshakes: dict[str, Handshake] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unauthenticated: Answer = NOT_ASKED
    bad_token: Answer = NOT_ASKED
    other_slash: Answer = NOT_ASKED
    resource_metadata: dict[str, Answer] = field(default_factory=dict)
    server_metadata: dict[str, dict[str, Answer]] = field(default_factory=dict)
    server: Document | None = None
    jwks: Answer | None = None
    token_of_unknown_client: Answer | None = None
    authorize_unknown_client: Answer | None = None
    documents: dict[str, Visited] = field(default_factory=dict)
    registrations: list[Registration] = field(default_factory=list)
    repeated: tuple[Answer, Answer] | None = None
    step_up: StepUp | None = None
    preflights: dict[str, Answer] = field(default_factory=dict)
    from_browsers: dict[str, Answer] = field(default_factory=dict)

    def is_untrusted(self, origin: str) -> bool:
        """Does TLS keep clients from this origin? Then nothing else was asked of it."""
        handshake = self.handshakes.get(origin)
        return handshake is not None and handshake.trouble is not None
