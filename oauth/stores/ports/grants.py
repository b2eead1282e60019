"""Grants, with their authorization codes and refresh tokens."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from oauth.foundation.vocabulary import ClientId, Digest, GrantId, Subject
from oauth.protocol.grant_types.decision import CodeDecision, Issue, RefreshDecision, Refuse
from oauth.protocol.models import AuthorizationCode, Client, Grant, RefreshToken, Revocation

DecideCode = Callable[[Client | None, AuthorizationCode | None], CodeDecision]
# The first argument is the plain token that the record was found by.
DecideRefresh = Callable[[str, Client | None, RefreshToken | None], RefreshDecision]


@dataclass(frozen=True, slots=True)
class Sighting:
    """An access token of this generation of the grant was presented, so the token response had arrived."""

    grant_id: GrantId
    generation: int


class Grants(Protocol):
    """Grants and what belongs to them."""

    async def redeem_code(self, client_id: ClientId, code: str, decide: DecideCode, now: datetime) -> Issue | Refuse:
        """Decide on the client and the code as stored, and carry the decision out. Of any number of redemptions one
        wins; the others decide again on the code as it then is. Revoking is left to the caller."""
        ...

    async def refresh(self, client_id: ClientId, token: str, decide: DecideRefresh, now: datetime) -> Issue | Refuse:
        """The same for a refresh token, following superseded ones to the head as the decision says."""
        ...

    async def authorization_code(self, digest: Digest) -> AuthorizationCode | None:
        """The code of that digest, redeemed or not."""
        ...

    async def of_refresh_token(self, digest: Digest) -> Grant | None:
        """The grant that a refresh token belongs to, superseded or not."""
        ...

    async def get(self, grant_id: GrantId) -> Grant | None:
        """The grant, revoked or not."""
        ...

    async def add(self, grant: Grant) -> bool:
        """Add a grant that has no code. False when its client is gone or disabled."""
        ...

    async def revoke(self, grant_id: GrantId, revocation: Revocation) -> None:
        """Revoke a grant and publish the revocation to every node. Idempotent."""
        ...

    async def revoke_subject(self, subject: Subject, revocation: Revocation) -> Sequence[GrantId]:
        """Revoke all grants of a person, delete their sign-in sessions, publish that. → the revoked grants."""
        ...

    async def subjects_with_access(self, subjects: Collection[Subject], now: datetime) -> Collection[Subject]:
        """Those of them who have a live grant or sign-in session."""
        ...

    async def mark_seen(self, sightings: Collection[Sighting], now: datetime) -> None:
        """Record that the refresh tokens of these generations reached their clients."""
        ...
