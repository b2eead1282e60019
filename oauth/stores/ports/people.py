"""Sign-in sessions of browsers, and links between people and identity providers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from oauth.foundation.vocabulary import Digest, Subject
from oauth.protocol.models import SignInSession


@dataclass(frozen=True, slots=True)
class SignIn:
    """What one sign-in writes, in one transaction.

    session: of the browser.
    former_session: of the cookie that it replaces.
    request: the authorization request whose progress is no longer needed.
    attempts: counters that begin anew.
    links: issuer and subject at identity providers whose assertions count for this person from now on.
    at: when it happened.
    writes: of the provider's side, see ResourceOwner."""

    session: SignInSession
    at: datetime
    former_session: Digest | None = None
    request: Digest | None = None
    attempts: Sequence[Digest] = ()
    links: Sequence[tuple[str, str]] = ()
    writes: Sequence[Callable[[Any], None]] = ()


class People(Protocol):
    """Browsers that are signed in, and who an identity provider means by its subject."""

    async def sign_in(self, sign_in: SignIn) -> None:
        """Keep a browser signed in, and write what belongs to the sign-in."""
        ...

    async def session(self, digest: Digest) -> SignInSession | None:
        """The session of that cookie, expired or not."""
        ...

    async def remove_session(self, digest: Digest) -> None:
        """Sign a browser out. Idempotent."""
        ...

    async def link(self, issuer: str, issuer_subject: str, subject: Subject, now: datetime) -> None:
        """Link an identity provider's subject to a person; replaces an earlier link."""
        ...

    async def linked_subject(self, issuer: str, issuer_subject: str) -> Subject | None:
        """The person whom an identity provider's subject is linked to."""
        ...

    async def unlink(self, issuer: str, issuer_subject: str) -> bool:
        """Remove a link. → whether there was one."""
        ...

    async def unlink_all(self, subject: Subject) -> None:
        """Remove all links of a person. Idempotent."""
        ...
