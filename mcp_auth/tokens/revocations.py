"""The revocations of tokens that have not expired, in memory (D-6).

This process adds its own revocations at once; polls of the store add those of other nodes. A check is a dictionary
lookup and never awaits."""

from collections.abc import Callable, Iterable
from datetime import datetime

from mcp_auth.principal import Principal, TokenKind
from oauth.foundation.vocabulary import Subject
from oauth.protocol.models import Revocation, RevocationKind

_OF_PEOPLE = frozenset({RevocationKind.SUBJECT, RevocationKind.SUBJECT_GRANTS, RevocationKind.STANDING})


class Revocations:
    """The known revocations.

    on_person: called with each person whose cached access status is out of date.
    version: changes with every new revocation, so that cached verdicts are checked again."""

    def __init__(self, on_person: Callable[[Subject], None]) -> None:
        self.version = 0
        self._on_person = on_person
        self._known: dict[tuple[RevocationKind, str], Revocation] = {}

    def add(self, revocation: Revocation) -> None:
        """Add a revocation. One that is older than the known one for the same kind and value changes nothing."""
        key = (revocation.kind, revocation.value)
        known = self._known.get(key)
        if known is None or known.recorded_at < revocation.recorded_at:
            self._known[key] = revocation
            self.version += 1
            if revocation.kind in _OF_PEOPLE:
                self._on_person(Subject(revocation.value))

    def add_all(self, revocations: Iterable[Revocation], now: datetime) -> None:
        """Add revocations from the store, and drop those whose tokens have all expired by `now`."""
        for revocation in revocations:
            self.add(revocation)
        for key in [key for key, known in self._known.items() if known.expires_at <= now]:
            del self._known[key]

    def is_revoked(self, principal: Principal) -> bool:
        """→ whether the token or its grant was revoked, or its subject since the token was issued."""
        if principal.grant_id is not None and (RevocationKind.GRANT, principal.grant_id) in self._known:
            return True
        if principal.token_id is not None and (RevocationKind.ACCESS_TOKEN, principal.token_id) in self._known:
            return True
        if self._is_older(principal, RevocationKind.SUBJECT):
            return True
        return principal.kind is TokenKind.FIRST_PARTY and self._is_older(principal, RevocationKind.SUBJECT_GRANTS)

    def access_ended_since(self, subject: Subject, instant: datetime) -> bool:
        """→ whether all tokens or all grants of the person were revoked at or after an instant."""
        kinds = (RevocationKind.SUBJECT, RevocationKind.SUBJECT_GRANTS)
        revocations = (self._known.get((kind, subject)) for kind in kinds)
        return any(known is not None and known.recorded_at >= instant for known in revocations)

    def _is_older(self, principal: Principal, kind: RevocationKind) -> bool:
        """→ whether the principal's token is older than the revocation of its subject, if there is one."""
        known = self._known.get((kind, principal.subject))
        # `iat` is in whole seconds: a token of the same second counts as older.
        return known is not None and principal.issued_at <= known.recorded_at
