"""The local user, and what Supabase says of a person."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from oauth.foundation.vocabulary import Role, Subject


class AuthMethod(StrEnum):
    """How a person last signed in, as the app tells it, to offer it first the next time (SEED-23)."""

    PASSWORD = "password"  # noqa: S105 - the name of a method
    EMAIL_OTP = "email_otp"
    PHONE_OTP = "phone_otp"
    MAGIC_LINK = "magic_link"
    GOOGLE = "google"
    APPLE = "apple"
    FACEBOOK = "facebook"
    GITHUB = "github"
    MICROSOFT = "microsoft"
    SSO = "sso"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class User:
    """A row of `users`. email, phone: verified ones only, or written down by whoever provisioned the row.

    supabase_id: None for a row that waits for its person. deleted_at: nothing personal is left in the row."""

    id: str
    supabase_id: Subject | None
    email: str | None
    phone: str | None
    role: Role
    is_active: bool
    created_at: datetime
    deleted_at: datetime | None = None
    last_auth_method: AuthMethod | None = None
    last_auth_method_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """A Supabase user with the identifiers that Supabase has verified; unverified ones are not carried (F-1).

    email: in lower case. phone: with a plus; the store brings it into E.164."""

    supabase_id: Subject
    email: str | None
    phone: str | None
