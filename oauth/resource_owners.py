"""What the authorization server asks about people; Supabase knows the answers (D-11)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from oauth.vocabulary import Role, Subject


@dataclass(frozen=True, slots=True)
class ResourceOwner:
    """A person who has just proven who they are. account: what pages call them. acr: Supabase's `aal`."""

    subject: Subject
    account: str
    auth_time: datetime
    acr: str


class SignInRefusal(StrEnum):
    """Why somebody could not be signed in; never which half of the credentials was wrong."""

    WRONG_CREDENTIALS = "wrong_credentials"
    EMAIL_NOT_CONFIRMED = "email_not_confirmed"
    ACCOUNT_BLOCKED = "account_blocked"
    METHOD_DISABLED = "method_disabled"
    TOO_MANY_ATTEMPTS = "too_many_attempts"


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a person may have access at all, and in which role."""

    active: bool
    role: Role


class ResourceOwners(Protocol):
    """Raises Outage when it cannot be asked."""

    async def sign_in_with_password(self, email: str, password: str) -> ResourceOwner | SignInRefusal:
        """Check an email and a password."""
        ...

    async def standing(self, subject: Subject) -> Standing:
        """Where a person stands now; someone unknown is not active."""
        ...
