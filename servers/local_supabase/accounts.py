"""Accounts: the rows, and the user object that clients see."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from servers.local_supabase.context import Context, new_id
from servers.local_supabase.errors import Refusal, validation_failed
from servers.local_supabase.tables import factors, users

Row = Mapping[str, Any]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PHONE = re.compile(r"\+?[0-9]{6,15}")
_MIN_PASSWORD = 6
_MAX_EMAIL = 255


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody to try things out with. role: at the gateway, user, agent or admin."""

    id: str
    email: str
    password: str
    role: str


DEMO_ACCOUNTS = (
    DemoAccount("5d6f3a52-0c1e-4f7e-9a57-1f1b0d5c0001", "user@example.com", "password-user", "user"),
    DemoAccount("5d6f3a52-0c1e-4f7e-9a57-1f1b0d5c0002", "agent@example.com", "password-agent", "agent"),
    DemoAccount("5d6f3a52-0c1e-4f7e-9a57-1f1b0d5c0003", "admin@example.com", "password-admin", "admin"),
)


def check_email(email: str) -> Refusal | None:
    """Does it look like one?"""
    if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
        return validation_failed("Unable to validate email address: invalid format")
    return None


def check_phone(phone: str) -> Refusal | None:
    """Does it look like one, in E.164?"""
    if not _PHONE.fullmatch(phone):
        return validation_failed("Invalid phone number format (E.164 required)")
    return None


def check_password(password: str) -> Refusal | None:
    """Is it long enough?"""
    if len(password) >= _MIN_PASSWORD:
        return None
    message = f"Password should be at least {_MIN_PASSWORD} characters."
    return Refusal(422, "weak_password", message, {"weak_password": {"reasons": ["length"]}})


def plain_phone(phone: str) -> str:
    """Supabase keeps numbers without the plus."""
    return phone.lstrip("+")


async def find(connection: AsyncConnection, condition: ColumnElement[bool]) -> Row | None:
    """The account that fits, unless it was deleted."""
    found = await connection.execute(select(users).where(condition, users.c.deleted_at.is_(None)))
    row = found.mappings().first()
    return None if row is None else dict(row)


async def by_identifier(connection: AsyncConnection, email: str | None, phone: str | None) -> Row | None:
    """By email, else by phone."""
    if email is not None:
        return await find(connection, users.c.email == email.lower())
    return await find(connection, users.c.phone == plain_phone(phone or ""))


async def create(
    connection: AsyncConnection,
    context: Context,
    *,
    email: str | None = None,
    phone: str | None = None,
    password_hash: str | None = None,
    confirmed: bool = True,
    provider: str = "email",
    user_id: str | None = None,
    user_metadata: Mapping[str, Any] | None = None,
    app_metadata: Mapping[str, Any] | None = None,
) -> Row:
    """A new account."""
    now = context.now()
    values = {
        "id": user_id or new_id(),
        "email": email.lower() if email is not None else None,
        "phone": plain_phone(phone) if phone is not None else None,
        "password_hash": password_hash,
        "email_confirmed_at": now if confirmed and email is not None else None,
        "phone_confirmed_at": now if confirmed and phone is not None else None,
        "app_metadata": {"provider": provider, "providers": [provider], **(app_metadata or {})},
        "user_metadata": dict(user_metadata or {}),
        "created_at": now,
        "updated_at": now,
    }
    await connection.execute(insert(users).values(values))
    created = await find(connection, users.c.id == values["id"])
    if created is None:
        raise RuntimeError("a created account is gone")
    return created


async def change(connection: AsyncConnection, context: Context, user_id: str, **values: Any) -> Row:  # noqa: ANN401
    """Change columns of an account. → the account as it then is."""
    await connection.execute(update(users).where(users.c.id == user_id).values(updated_at=context.now(), **values))
    return dict((await connection.execute(select(users).where(users.c.id == user_id))).mappings().one())


def is_banned(user: Row, now: str) -> bool:
    """Is there a ban that has not run out?"""
    return user["banned_until"] is not None and user["banned_until"] > now


def providers(user: Row) -> list[str]:
    """What they can sign in with, whatever an administrator wrote in its place."""
    named = user["app_metadata"].get("providers")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


async def to_json(connection: AsyncConnection, user: Row) -> dict[str, Any]:
    """The user object."""
    found = await connection.execute(select(factors).where(factors.c.user_id == user["id"]))
    own_factors = [
        {
            "id": factor["id"],
            "friendly_name": factor["friendly_name"],
            "factor_type": "totp" if factor["phone"] is None else "phone",
            "status": factor["status"],
            "created_at": factor["created_at"],
            "updated_at": factor["created_at"],
        }
        for factor in found.mappings()
    ]
    optional = {name: user[name] for name in ("banned_until", "deleted_at") if user[name] is not None}
    return {
        "id": user["id"],
        "aud": "authenticated",
        "role": "authenticated",
        "email": user["email"] or "",
        "email_confirmed_at": user["email_confirmed_at"],
        "phone": user["phone"] or "",
        "phone_confirmed_at": user["phone_confirmed_at"],
        "confirmed_at": user["email_confirmed_at"] or user["phone_confirmed_at"],
        "last_sign_in_at": user["last_sign_in_at"],
        "app_metadata": user["app_metadata"],
        "user_metadata": user["user_metadata"],
        "identities": _identities(user),
        **({"factors": own_factors} if own_factors else {}),
        "created_at": user["created_at"],
        "updated_at": user["updated_at"],
        "is_anonymous": False,
        **optional,
    }


def _identities(user: Row) -> list[dict[str, Any]]:
    return [
        {
            "identity_id": user["id"],
            "id": user["id"],
            "user_id": user["id"],
            "identity_data": {
                "sub": user["id"],
                "email": user["email"] or "",
                "email_verified": user["email_confirmed_at"] is not None,
                "phone_verified": user["phone_confirmed_at"] is not None,
            },
            "provider": provider,
            "last_sign_in_at": user["last_sign_in_at"],
            "created_at": user["created_at"],
            "updated_at": user["updated_at"],
            "email": user["email"] or "",
        }
        for provider in providers(user)
    ]
