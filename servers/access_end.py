"""When somebody's access ends: grants, sign-in sessions and tokens, here at once and elsewhere within 5 s (D-6)."""

from collections.abc import Callable, Collection
from datetime import timedelta

from mcp_auth.supabase.held_sessions import HeldSessions
from oauth.clock import Clock
from oauth.models import Revocation, RevocationKind
from oauth.stores.ports import Store
from oauth.vocabulary import Subject

# Clocks of nodes may differ by this much.
_CLOCKS_APART = timedelta(minutes=2)


class StoredAccessEnd:
    """See AccessEnd. announce: told of each revocation, for this process."""

    def __init__(
        self,
        store: Store,
        held: HeldSessions,
        announce: Callable[[Revocation], None],
        clock: Clock,
        access_token_lifetime: timedelta,
    ) -> None:
        self._store = store
        self._held = held
        self._announce = announce
        self._clock = clock
        self._remembered = access_token_lifetime + _CLOCKS_APART

    async def of_everything(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._end(RevocationKind.SUBJECT, subject)

    async def of_grants(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._end(RevocationKind.SUBJECT_GRANTS, subject)

    async def of_links(self, subject: Subject) -> None:
        """See AccessEnd."""
        await self._store.unlink_person(subject)

    async def would_matter_to(self, subjects: Collection[Subject]) -> Collection[Subject]:
        """See AccessEnd."""
        return await self._store.subjects_with_access(subjects, self._clock())

    async def _end(self, kind: RevocationKind, subject: Subject) -> None:
        now = self._clock()
        news = Revocation(kind, subject, now, now + self._remembered)
        await self._store.revoke_subject(subject, news)
        self._announce(news)
        # Last: until then, whatever asks about the session finds out again.
        await self._held.forget(subject)
