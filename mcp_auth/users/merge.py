"""Whose row is it? (SEED-32; F-1) What decides is the Supabase id; identifiers only find rows that wait for someone.

The rules:
1. The row with the person's Supabase id is theirs, whatever its identifiers say.
2. Otherwise a row that was provisioned and has no Supabase id yet becomes theirs, if they have proven its phone or
   its email. Phone comes first: it is the primary identifier (SEED-30).
3. Where phone and email find two such rows, the phone's row is theirs; the email's row stays as it is and waits on,
   with its email. Rows are never merged: that would hand one person's role and history to another.
4. Otherwise they get a new row.
5. What the row lacks is filled in. Nothing is overwritten, and what another row has stays there. A deleted row gets
   nothing."""

from dataclasses import dataclass
from enum import StrEnum

from mcp_auth.users.models import Identity, User


class Identifier(StrEnum):
    """What a person is reached by."""

    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Decision:
    """row: the existing row that is the person's; None: they get a new one.

    link: the row gets the Supabase id now. phone, email: what is written; None: nothing is.
    conflicts: verified identifiers that another row has, for an operator to look at."""

    row: User | None
    link: bool
    phone: str | None
    email: str | None
    conflicts: tuple[Identifier, ...] = ()

    @property
    def writes(self) -> bool:
        """Is there anything to do?"""
        return self.row is None or self.link or self.phone is not None or self.email is not None


def decide(identity: Identity, by_supabase_id: User | None, by_phone: User | None, by_email: User | None) -> Decision:
    """by_…: the row that has this Supabase id, phone or email, if there is one. Never raises."""
    if by_supabase_id is not None and by_supabase_id.deleted_at is not None:
        return Decision(by_supabase_id, link=False, phone=None, email=None)
    row = by_supabase_id
    if row is None and identity.phone is not None:
        row = _waiting(by_phone)
    if row is None and identity.email is not None:
        row = _waiting(by_email)
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


def _waiting(row: User | None) -> User | None:
    return row if row is not None and row.supabase_id is None and row.deleted_at is None else None
