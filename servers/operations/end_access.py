"""When somebody's access ends: grants, sign-in sessions and tokens, here at once and elsewhere within 5 s (D-6)."""

from collections.abc import Callable, Collection
from datetime import timedelta

from mcp_auth.supabase.session_vault import HeldSessions
from oauth.foundation.clock import Clock
from oauth.foundation.vocabulary import Subject
from oauth.protocol.models import Revocation, RevocationKind
from oauth.stores.ports import Store


class StoredAccessEnd:
    """See AccessEnd. announce: told of each revocation, for this process. matters_for: how long a revocation does."""

    def __init__(
        self,
        store: Store,
        held: HeldSessions,
        announce: Callable[[Revocation], None],
        clock: Clock,
        matters_for: timedelta,
    ) -> None:
        self._store = store
        self._held = held
        self._announce = announce
        self._clock = clock
        self._matters_for = matters_for

    async def of_everything(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._end(RevocationKind.SUBJECT, subject)

    async def of_grants(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._end(RevocationKind.SUBJECT_GRANTS, subject)

    async def of_links(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._store.people.unlink_all(subject)

    async def would_matter_to(self, subjects: Collection[Subject]) -> Collection[Subject]:
        """See AccessEnd."""
        return await self._store.grants.subjects_with_access(subjects, self._clock())

    async def _end(self, kind: RevocationKind, subject: Subject) -> None:
        now = self._clock()
        news = Revocation(kind, subject, now, now + self._matters_for)
        await self._store.grants.revoke_subject(subject, news)
        self._announce(news)
        # Last: until then, whatever asks about the session finds out again.
        await self._held.forget(subject)
