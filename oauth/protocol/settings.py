"""What an operator may choose of the authorization server; lifetimes are timedeltas."""

from dataclasses import dataclass
from datetime import timedelta

from oauth.foundation.vocabulary import Digest
from oauth.protocol.captcha import Captcha
from oauth.protocol.identity_assertion import TrustedIssuer

# A node's clock may be this far behind when it checks an access token that is about to expire.
_CLOCKS_APART = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How often may be guessed within a window, at one account, from one address, and by everybody together (F-3);
    and at the secret of one client from one address (STD-46)."""

    window: timedelta = timedelta(minutes=10)
    per_account: int = 10
    per_address: int = 100
    in_total: int = 10_000
    per_client: int = 20


@dataclass(frozen=True, slots=True)
class DocumentPolicy:
    """Whose client id metadata documents are believed. hosts: None for everybody's; an empty set for nobody's."""

    hosts: frozenset[str] | None = None

    def admits(self, host: str) -> bool:
        """Before anything is fetched (STD-27)."""
        return self.hosts is None or host in self.hosts

    @property
    def is_open(self) -> bool:
        """Is there anybody whose document would be believed?"""
        return self.hosts is None or bool(self.hosts)


@dataclass(frozen=True, slots=True)
class RegistrationPolicy:
    """Who may register by themselves (RFC 7591), how many, and with which redirects.

    initial_access_tokens: digests; where there are some, nobody registers without one (§3). redirect_hosts: None for
    all; `localhost` stands for loopback, an app's own scheme is written with its colon. per_address: within a window
    of attempts, generous because the assistants of one vendor come from few addresses (P-15). unused: how many clients
    that came by themselves may be kept without a grant; the oldest goes, unless it is younger than spared_for."""

    enabled: bool = True
    initial_access_tokens: frozenset[Digest] = frozenset()
    redirect_hosts: frozenset[str] | None = None
    per_address: int = 100
    unused: int = 10_000
    unused_lifetime: timedelta = timedelta(hours=24)
    spared_for: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Settings:
    """issuer: the public URL, byte for byte (D-1, D-2)."""

    issuer: str
    access_token_lifetime: timedelta = timedelta(minutes=30)
    authorization_code_lifetime: timedelta = timedelta(seconds=60)
    authorization_request_lifetime: timedelta = timedelta(minutes=10)
    # D-7: two redemptions this close together are a race of one client, not a theft.
    redemption_race: timedelta = timedelta(seconds=2)
    refresh_token_lifetime: timedelta = timedelta(days=30)
    grant_lifetime: timedelta = timedelta(days=180)
    # D-8: how long a superseded refresh token is taken for a retry.
    refresh_retry_window: timedelta = timedelta(seconds=60)
    sign_in_session_lifetime: timedelta = timedelta(hours=8)
    documents: DocumentPolicy = DocumentPolicy()
    attempts: AttemptLimits = AttemptLimits()
    registration: RegistrationPolicy = RegistrationPolicy()
    captcha: Captcha | None = None
    # RFC 9449 §8: proofs that a client cannot have made in advance.
    dpop_nonces: bool = False
    trusted_issuers: tuple[TrustedIssuer, ...] = ()
    # Pages of the app itself, which the sign-in page links to.
    sign_up_url: str | None = None
    password_reset_url: str | None = None

    @property
    def revocations_matter_for(self) -> timedelta:
        """So long may an access token be good by somebody's clock that has been revoked."""
        return self.access_token_lifetime + _CLOCKS_APART

    @property
    def is_https(self) -> bool:
        """Plain http is for loopback alone (D-1)."""
        return self.issuer.startswith("https://")
