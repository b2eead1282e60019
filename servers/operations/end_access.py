"""Ends a person's access: grants, sign-ins and tokens, at once on this node and within 5 s on every other (D-6)."""

from collections.abc import Collection, Sequence

from mcp_auth.supabase.sealed_sessions import SealedSessions
from oauth.foundation.vocabulary import GrantId, Subject
from oauth.protocol.models import RevocationKind
from oauth.revocation import Revoker
from servers.operations.actor import Actor, ActorKind, record


async def end_access(
    subject: Subject, kind: RevocationKind, reason: str, actor: Actor, revoker: Revoker, sessions: SealedSessions
) -> Sequence[GrantId]:
    """Revoke a person's grants, sign their browsers out, and delete their stored Supabase session. Idempotent.

    kind: SUBJECT refuses every token issued until now, Supabase's included; SUBJECT_GRANTS only those issued here.
    reason: why access ends, for the log.
    → the grants that ended. Raises StoreUnavailable; another call finishes an interrupted one."""
    ended = await revoker.end_subject(subject, kind)
    # Last: if this is interrupted, the next check of the stored session finds again that access has to end.
    await sessions.remove(subject)
    record(actor, "access_ended", reason=reason, subject=subject, grants_ended=len(ended))
    return ended


class StoredAccessEnd:
    """See AccessEnd.

    actor: who ends access; None where each person ends their own."""

    def __init__(self, revoker: Revoker, sessions: SealedSessions, actor: Actor | None) -> None:
        self._revoker = revoker
        self._sessions = sessions
        self._actor = actor

    async def end_everything(self, subject: Subject, reason: str) -> None:
        """See AccessEnd."""
        await self._end(subject, RevocationKind.SUBJECT, reason)

    async def end_grants(self, subject: Subject, reason: str) -> None:
        """See AccessEnd."""
        await self._end(subject, RevocationKind.SUBJECT_GRANTS, reason)

    async def remove_links(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._revoker.store.people.unlink_all(subject)

    async def select_with_access(self, subjects: Collection[Subject]) -> Collection[Subject]:
        """See AccessEnd."""
        revoker = self._revoker
        return await revoker.store.grants.subjects_with_access(subjects, revoker.clock())

    async def _end(self, subject: Subject, kind: RevocationKind, reason: str) -> None:
        actor = self._actor or Actor(ActorKind.PERSON, subject)
        await end_access(subject, kind, reason, actor, self._revoker, self._sessions)
