"""Sign-in sessions of browsers, and links between people and identity providers."""

from datetime import datetime
from typing import Protocol

from oauth.foundation.vocabulary import Digest, Subject
from oauth.protocol.models import SignInSession


class People(Protocol):
    """Browsers that are signed in, and who an identity provider means by its subject."""

    async def add_session(self, session: SignInSession) -> None:
        """Keep a browser signed in."""
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

    async def linked(self, issuer: str, issuer_subject: str) -> Subject | None:
        """The person whom an identity provider's subject is linked to."""
        ...

    async def unlink(self, issuer: str, issuer_subject: str) -> bool:
        """Remove a link. → whether there was one."""
        ...

    async def unlink_all(self, subject: Subject) -> None:
        """Remove all links of a person. Idempotent."""
        ...
