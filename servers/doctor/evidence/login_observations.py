"""What was seen with a person at the browser, before anything is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from servers.doctor.evidence.documents import Document
from servers.doctor.evidence.observations import Answer

FOREIGN = "https://elsewhere.example/mcp"  # a resource that nobody agreed to


@dataclass(frozen=True, slots=True)
class SignIn:
    """One trip of a browser. answer: the parameters that came back, None for a browser that did not. redeemed: what the
    code was answered with, where a client would redeem it."""

    scopes: tuple[str, ...]
    state: str = field(repr=False)
    patience: float
    answer: Mapping[str, str] | None = field(default=None, repr=False)
    redeemed: Answer | None = None

    def has_other_state(self) -> bool:
        """Is it the answer to another request?"""
        return self.answer is not None and self.answer.get("state") != self.state

    def has_other_issuer(self, server: Document) -> bool:
        """RFC 9207 §2.4: whoever is promised an iss refuses an answer without it, or with another."""
        promised = server.confirms("authorization_response_iss_parameter_supported")
        return promised and self.answer is not None and self.answer.get("iss") != server.text("issuer")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a token of these scopes got. stepped_up: what one got that had those of the challenge as well."""

    name: str
    scopes: tuple[str, ...]
    answer: Answer
    stepped_up: Answer | None = None


@dataclass(frozen=True, slots=True)
class Refreshes:
    """at_once: several of one token. after: of what they gave. foreign: for FOREIGN; again: the next one, as usual.
    revoked: the answer of the revocation endpoint, and then that of a refresh."""

    at_once: Sequence[Answer]
    after: Answer
    foreign: Answer | None = None
    again: Answer | None = None
    revoked: tuple[Answer, Answer] | None = None


@dataclass(slots=True)
class SignedIn:
    """server: by whose metadata. sign_ins: in their order. begun: the handshake, by the revision that was asked for.
    discovered: the newer era's. session_is_needed: whether calls without the session's id are refused."""

    server: Document | None = None
    registration: Answer | None = None
    sign_ins: list[SignIn] = field(default_factory=list)
    begun: dict[str, Answer] = field(default_factory=dict)
    discovered: Answer | None = None
    session_is_needed: bool = False
    calls: list[ToolCall] = field(default_factory=list)
    refreshes: Refreshes | None = None

    @property
    def tokens(self) -> Document | None:
        """Those of the first sign-in."""
        redeemed = self.sign_ins[0].redeemed if self.sign_ins else None
        return None if redeemed is None else tokens_of(redeemed)


def tokens_of(answer: Answer) -> Document | None:
    """A good answer of the token endpoint."""
    document = answer.document
    return document if document is not None and document.text("access_token") is not None else None


def granted(tokens: Document, asked: Sequence[str]) -> tuple[str, ...]:
    """Their scopes: those that are named, or else all that were asked for (RFC 6749 §5.1); less what only keeps
    a client connected."""
    named = tokens.text("scope")
    scopes = asked if named is None else named.split()
    return tuple(scope for scope in scopes if scope != "offline_access")
