"""What a grant type may decide. The store carries a decision out; nothing here writes."""

from dataclasses import dataclass, field
from datetime import datetime

from oauth.foundation.vocabulary import Scope
from oauth.protocol.errors import OAuthError
from oauth.protocol.models import Grant


@dataclass(frozen=True, slots=True)
class Issue:
    """Mint an access token of this scope; the client's refresh token of this generation stays as it is.

    refresh_token: what the client gets back, or None where it gets none."""

    grant: Grant
    scope: frozenset[Scope]
    generation: int
    refresh_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redeem:
    """Claim the code, then issue. Whoever loses the claim decides again on the code as it now is.

    dpop_jkt: the key that the refresh token is bound to."""

    issue: Issue
    refresh_token_expires_at: datetime
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True)
class Rotate:
    """Supersede the presented token by the one in issue, then issue. Losers decide again.

    sealed_successor: the new token, sealed under the one that it replaces. dpop_jkt: the key that it is bound to."""

    issue: Issue
    refresh_token_expires_at: datetime
    sealed_successor: bytes
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """The presented token was superseded by this one: look there for the head of the family."""

    successor: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with the error.

    revoke: the grant that has to end with it.
    flow_id: the attempt to connect that the refused code belongs to."""

    error: OAuthError
    revoke: Grant | None = None
    flow_id: str | None = None


CodeDecision = Redeem | Refuse
RefreshDecision = Issue | Rotate | Follow | Refuse
