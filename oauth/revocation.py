"""Ending grants, access tokens, clients and people's access: one function each, whoever asks.

Each writes to the store and announces the revocation: this process refuses at once, every other node within 5 s."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import ClientId, GrantId, Subject
from oauth.protocol.models import Grant, Revocation, RevocationKind
from oauth.stores.ports import Store

log = structlog.get_logger()


def announce_to_nobody(_: Revocation) -> None:
    """For a process that serves no requests, such as a command."""


@dataclass(frozen=True, slots=True)
class Revoker:
    """Ends access.

    announce: tells this process of a revocation; the store tells the others.
    matters_for: how long an access token of a revoked grant could still be presented."""

    store: Store
    announce: Callable[[Revocation], None]
    clock: Clock
    matters_for: timedelta

    async def end_grant(self, grant: Grant, reason: str) -> None:
        """Revoke a grant with all its tokens. Idempotent."""
        revocation = self._revocation(RevocationKind.GRANT, grant.grant_id)
        await self.store.grants.revoke(grant.grant_id, revocation)
        self.announce(revocation)
        log.info(
            "grant_revoked", reason=reason, grant_id=grant.grant_id, client_id=grant.client_id, subject=grant.subject
        )

    async def end_access_token(self, token_id: str) -> None:
        """Revoke one access token by its jti; its grant lives on."""
        revocation = self._revocation(RevocationKind.ACCESS_TOKEN, token_id)
        await self.store.revocations.add(revocation)
        self.announce(revocation)
        log.info("access_token_revoked", token_id=token_id)

    async def end_client(self, client_id: ClientId, *, remove: bool = False) -> Sequence[GrantId]:
        """Disable a client, or with `remove` delete it, and revoke all its grants. → the revoked grants. Idempotent."""
        now = self.clock()
        ended = await self.store.clients.end(client_id, now, now + self.matters_for, remove=remove)
        for grant_id in ended:
            self.announce(self._revocation(RevocationKind.GRANT, grant_id))
        return ended

    async def end_subject(self, subject: Subject, kind: RevocationKind = RevocationKind.SUBJECT) -> Sequence[GrantId]:
        """Revoke all grants and sign-in sessions of a person. → the revoked grants.

        kind: SUBJECT refuses every token of the person issued until now, Supabase's included; SUBJECT_GRANTS only
        those that were issued here."""
        revocation = self._revocation(kind, subject)
        ended = await self.store.grants.revoke_subject(subject, revocation)
        self.announce(revocation)
        return ended

    async def tell_standing(self, subject: Subject) -> None:
        """Make every node look again at a person's role and state."""
        revocation = self._revocation(RevocationKind.STANDING, subject)
        await self.store.revocations.add(revocation)
        self.announce(revocation)

    def _revocation(self, kind: RevocationKind, value: str) -> Revocation:
        now = self.clock()
        return Revocation(kind, value, now, now + self.matters_for)
