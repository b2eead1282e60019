"""Decide which row belongs to a Supabase user. The Supabase id decides; identifiers find only unlinked rows.

The rules:
1. The row with the user's Supabase id is theirs, regardless of its identifiers.
2. Otherwise a provisioned row without a Supabase id becomes theirs, if Supabase has verified its phone or its email
   for them (D-12). Phone comes first: it is the primary identifier.
3. If phone and email find two such rows, the user gets the row of the phone. The row of the email stays unlinked and
   keeps its email. Rows are never merged: that would give one person the role and history of another.
4. Otherwise they get a new row.
5. Missing identifiers are filled in. Nothing is overwritten, and an identifier of another row stays there. A deleted
   row is not changed."""

from dataclasses import dataclass
from enum import StrEnum

from mcp_auth.users.models import Identity, User


class Identifier(StrEnum):
    """The kinds of identifier."""

    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write for an identity.

    row: the existing row of the user; None for a new one.
    link: write the Supabase id to the row.
    phone, email: the identifier to write; None to write none.
    conflicts: verified identifiers that belong to another row, for the operator."""

    row: User | None
    link: bool
    phone: str | None
    email: str | None
    conflicts: tuple[Identifier, ...] = ()

    @property
    def writes(self) -> bool:
        """Does the decision change the database?"""
        return self.row is None or self.link or self.phone is not None or self.email is not None


def decide(identity: Identity, by_supabase_id: User | None, by_phone: User | None, by_email: User | None) -> Decision:
    """Apply the rules of this module. Never raises.

    identity: with its phone in E.164.
    by_supabase_id, by_phone, by_email: the row with this value; None without one."""
    if by_supabase_id is not None and by_supabase_id.deleted_at is not None:
        return Decision(by_supabase_id, link=False, phone=None, email=None)
    row = by_supabase_id
    if row is None and identity.phone is not None:
        row = _unlinked(by_phone)
    if row is None and identity.email is not None:
        row = _unlinked(by_email)
    conflicts = tuple(
        name
        for name, value, owner in (
            (Identifier.PHONE, identity.phone, by_phone),
            (Identifier.EMAIL, identity.email, by_email),
        )
        if value is not None and owner is not None and (row is None or owner.id != row.id)
    )
    return Decision(
        row,
        link=row is not None and by_supabase_id is None,
        phone=identity.phone if by_phone is None and (row is None or row.phone is None) else None,
        email=identity.email if by_email is None and (row is None or row.email is None) else None,
        conflicts=conflicts,
    )


def _unlinked(row: User | None) -> User | None:
    """→ the row, if it belongs to no Supabase user yet."""
    return row if row is not None and row.supabase_id is None and row.deleted_at is None else None
