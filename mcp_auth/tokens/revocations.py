"""What was revoked and could still be presented: in memory, fed at once by this process and by polls of the store.

Nothing here waits: a verified call asks, and the answer is a dictionary away (D-6)."""

from collections.abc import Callable, Iterable
from datetime import datetime

from mcp_auth.principal import Principal, TokenKind
from oauth.foundation.vocabulary import Subject
from oauth.protocol.models import Revocation, RevocationKind

_OF_PEOPLE = frozenset({RevocationKind.SUBJECT, RevocationKind.SUBJECT_GRANTS, RevocationKind.STANDING})


class Revocations:
    """version changes with every revocation that was new, so that a remembered verdict knows when to look again.

    on_person: told of each person whose remembered standing is out of date."""

    def __init__(self, on_person: Callable[[Subject], None]) -> None:
        self.version = 0
        self._on_person = on_person
        self._known: dict[tuple[RevocationKind, str], Revocation] = {}

    def add(self, revocation: Revocation) -> None:
        """Take note. Older news of the same thing changes nothing."""
        key = (revocation.kind, revocation.value)
        known = self._known.get(key)
        if known is None or known.recorded_at < revocation.recorded_at:
            self._known[key] = revocation
            self.version += 1
            if revocation.kind in _OF_PEOPLE:
                self._on_person(Subject(revocation.value))

    def add_all(self, revocations: Iterable[Revocation], now: datetime) -> None:
        """Take note of what the store says, and forget what can no longer be presented."""
        for revocation in revocations:
            self.add(revocation)
        for key in [key for key, known in self._known.items() if known.expires_at <= now]:
            del self._known[key]

    def is_revoked(self, principal: Principal) -> bool:
        """Has the token of this principal been revoked?"""
        if principal.grant_id is not None and (RevocationKind.GRANT, principal.grant_id) in self._known:
            return True
        if principal.token_id is not None and (RevocationKind.ACCESS_TOKEN, principal.token_id) in self._known:
            return True
        if self._ended(RevocationKind.SUBJECT, principal):
            return True
        return principal.kind is TokenKind.FIRST_PARTY and self._ended(RevocationKind.SUBJECT_GRANTS, principal)

    def access_ended_since(self, subject: Subject, instant: datetime) -> bool:
        """Has everything that the person was given been ended, at or after an instant?"""
        kinds = (RevocationKind.SUBJECT, RevocationKind.SUBJECT_GRANTS)
        ended = (self._known.get((kind, subject)) for kind in kinds)
        return any(known is not None and known.recorded_at >= instant for known in ended)

    def _ended(self, kind: RevocationKind, principal: Principal) -> bool:
        known = self._known.get((kind, principal.subject))
        # `iat` counts whole seconds: what was issued in the same second counts as before.
        return known is not None and principal.issued_at <= known.recorded_at
