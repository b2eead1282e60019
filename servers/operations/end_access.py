"""When somebody's access ends: grants, sign-in sessions and tokens, here at once and elsewhere within 5 s (D-6)."""

from collections.abc import Collection

from mcp_auth.supabase.sealed_sessions import SealedSessions
from oauth.foundation.vocabulary import Subject
from oauth.protocol.models import RevocationKind
from oauth.revocation import Revoker


class StoredAccessEnd:
    """See AccessEnd."""

    def __init__(
        self,
        revoker: Revoker,
        sessions: SealedSessions,
    ) -> None:
        self._revoker = revoker
        self._sessions = sessions

    async def of_everything(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._end(RevocationKind.SUBJECT, subject)

    async def of_grants(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._end(RevocationKind.SUBJECT_GRANTS, subject)

    async def of_links(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._revoker.store.people.unlink_all(subject)

    async def would_matter_to(self, subjects: Collection[Subject]) -> Collection[Subject]:
        """See AccessEnd."""
        revoker = self._revoker
        return await revoker.store.grants.subjects_with_access(subjects, revoker.clock())

    async def _end(self, kind: RevocationKind, subject: Subject) -> None:
        await self._revoker.end_subject(subject, kind)
        # Last: until then, whatever asks about the session finds out again.
        await self._sessions.remove(subject)
