"""Supabase's user object → the identity that we may rely on."""

from collections.abc import Mapping
from typing import Any

from mcp_auth.users.models import Identity
from oauth.vocabulary import Subject


def of(user: Mapping[str, Any]) -> Identity | None:
    """The body of GET /user or the `user` of a session; None when it has no id.

    An email or phone counts once Supabase has confirmed it, and never from user_metadata, which people edit."""
    subject = user.get("id")
    if not isinstance(subject, str) or not subject:
        return None
    email, phone = user.get("email"), user.get("phone")
    confirmed_email = email.lower() if isinstance(email, str) and email and user.get("email_confirmed_at") else None
    confirmed_phone = (
        f"+{phone.lstrip('+')}" if isinstance(phone, str) and phone and user.get("phone_confirmed_at") else None
    )
    return Identity(Subject(subject), confirmed_email, confirmed_phone)
