"""What the authorization server asks about people; Supabase knows the answers (D-11)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from oauth.foundation.vocabulary import Role, Subject


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Who a person is elsewhere, as Supabase has verified it. provider: Supabase's name for it."""

    provider: str
    subject: str


@dataclass(frozen=True, slots=True)
class ResourceOwner:
    """A person who has just proven who they are.

    account: what pages call them.
    auth_time: when they proved it.
    acr: Supabase's `aal`.
    identities: who they are to providers that they have signed in with.
    writes: what the provider's side records of the sign-in, in the transaction that begins the session. Functions of
    a database connection; opaque here."""

    subject: Subject
    account: str
    auth_time: datetime
    acr: str
    identities: tuple[ExternalIdentity, ...] = ()
    writes: tuple[Callable[[Any], None], ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class AccessStatus:
    """Whether a person may have access at all, in which role, and whether they have enrolled a second factor."""

    active: bool
    role: Role
    has_factor: bool = False


class SignInRefusal(StrEnum):
    """Why somebody could not be signed in; never which half of the credentials was wrong."""

    WRONG_CREDENTIALS = "wrong_credentials"
    WRONG_CODE = "wrong_code"
    NOT_AN_IDENTIFIER = "not_an_identifier"
    NO_SUCH_DOMAIN = "no_such_domain"
    SIGN_IN_LAPSED = "sign_in_lapsed"
    EMAIL_NOT_CONFIRMED = "email_not_confirmed"
    ACCOUNT_BLOCKED = "account_blocked"
    CAPTCHA_FAILED = "captcha_failed"
    METHOD_DISABLED = "method_disabled"
    TOO_MANY_ATTEMPTS = "too_many_attempts"


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A social provider that is switched on. name: what its button says."""

    provider_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SignInMethods:
    """What the sign-in page can offer. sso: single sign-on by the domain of an email address."""

    email: bool
    phone: bool
    providers: tuple[IdentityProvider, ...]
    sso: bool


class Channel(StrEnum):
    """How a code reaches a person."""

    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Recipient:
    """An email address in lower case, or a phone number in E.164."""

    channel: Channel
    address: str


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A factor that the person has enrolled. kind: `totp` or `phone`. name: what they called it."""

    factor_id: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class FirstFactor:
    """Somebody who has given a first proof and has to give a second one. proof: a secret of the provider."""

    subject: Subject
    proof: str = field(repr=False)
    factors: tuple[SecondFactor, ...]


@dataclass(frozen=True, slots=True)
class ProviderReturn:
    """Where a provider sends the browser back to, and the PKCE challenge that guards what it brings (RFC 7636)."""

    redirect_uri: str
    code_challenge: str


Outcome = ResourceOwner | FirstFactor | SignInRefusal


class ResourceOwners(Protocol):
    """Raises Outage when it cannot be asked."""

    async def methods(self) -> SignInMethods:
        """What is switched on."""
        ...

    def recipient(self, identifier: str) -> Recipient | None:
        """The email address or phone number that somebody typed; None when it is neither."""
        ...

    async def sign_in_with_password(self, recipient: Recipient, password: str, captcha_token: str | None) -> Outcome:
        """Check a password. captcha_token: what a captcha on the page gave, if there was one."""
        ...

    async def send_code(
        self, recipient: Recipient, back: ProviderReturn, captcha_token: str | None
    ) -> SignInRefusal | None:
        """Send a code, and by email a link as well. The answer does not tell whether there is such an account."""
        ...

    async def sign_in_with_code(self, recipient: Recipient, code: str) -> Outcome:
        """Check a code that was sent."""
        ...

    def provider_url(self, provider_id: str, back: ProviderReturn) -> str:
        """Where a browser goes to sign in with a social provider."""
        ...

    async def sso_url(self, domain: str, back: ProviderReturn) -> str | SignInRefusal:
        """The same for the identity provider of a domain."""
        ...

    async def sign_in_with_return(self, code: str, code_verifier: str) -> Outcome:
        """Check what the browser brought back from a provider, or from the link in a mail."""
        ...

    async def challenge(self, proof: str, factor_id: str) -> str | SignInRefusal:
        """Begin with a second factor; a phone gets its code now. → the id of the challenge."""
        ...

    async def sign_in_with_factor(self, proof: str, factor_id: str, challenge_id: str, code: str) -> Outcome:
        """Check the code of a second factor."""
        ...

    async def standing(self, subject: Subject) -> AccessStatus:
        """Where a person stands now; someone unknown is not active."""
        ...
