"""The local user, and what Supabase says of a person."""

from dataclasses import dataclass
from datetime import datetime

from oauth.vocabulary import Role, Subject


@dataclass(frozen=True, slots=True)
class User:
    """A row of `users`. email, phone: verified ones only."""

    id: str
    supabase_id: Subject
    email: str | None
    phone: str | None
    role: Role
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A Supabase user with the identifiers that Supabase has verified; unverified ones are not carried (F-1)."""

    supabase_id: Subject
    email: str | None
    phone: str | None
