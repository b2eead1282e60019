"""The local user, and the identity that Supabase has verified."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from oauth.foundation.vocabulary import Role, Subject


class AuthMethod(StrEnum):
    """How a person last signed in, as reported by the app. The app offers it first at the next sign-in."""

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
    """A row of `users`.

    id: the local id.
    supabase_id: None for a provisioned row whose person has not signed in yet.
    email: in lower case; verified by Supabase, or set when the row was provisioned.
    phone: E.164; as email.
    role: decides which resources the person may use (D-13).
    is_active: False after a deactivation or deletion.
    created_at: aware UTC.
    deleted_at: aware UTC; a deleted row holds no personal data.
    last_auth_method, last_auth_method_at: as reported by the app; None without a report."""

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
    """A Supabase user, with verified identifiers only: an unverified one could belong to another person.

    supabase_id: the user's id at Supabase.
    email: in lower case; None if it is not verified.
    phone: with a plus; the store converts it to E.164. None if it is not verified."""

    supabase_id: Subject
    email: str | None
    phone: str | None
