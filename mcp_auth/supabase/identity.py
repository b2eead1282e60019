"""Supabase's user object → the identity that we may rely on."""

from collections.abc import Mapping
from typing import Any

from mcp_auth.users.models import Identity
from oauth.foundation.vocabulary import Subject
from oauth.protocol.resource_owners import ExternalIdentity, SecondFactor

# WebAuthn factors need JavaScript, and are asked for nowhere here.
_OF_SUPABASE = frozenset({"email", "phone"})
_FACTORS = frozenset({"totp", "phone"})


def parse(user: Mapping[str, Any]) -> Identity | None:
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


def external_identities(user: Mapping[str, Any]) -> tuple[ExternalIdentity, ...]:
    """Who the person is to the providers that they have signed in with; not what Supabase itself knows them by."""
    linked = user.get("identities")
    found = [
        (identity.get("provider"), identity["identity_data"].get("sub"))
        for identity in (linked if isinstance(linked, list) else [])
        if isinstance(identity, dict) and isinstance(identity.get("identity_data"), dict)
    ]
    return tuple(
        ExternalIdentity(provider, subject)
        for provider, subject in found
        if isinstance(provider, str) and isinstance(subject, str) and subject and provider not in _OF_SUPABASE
    )


def verified_factors(user: Mapping[str, Any]) -> tuple[SecondFactor, ...]:
    """The second factors that the sign-in page can ask for."""
    enrolled = user.get("factors")
    return tuple(
        SecondFactor(factor["id"], factor["factor_type"], str(factor.get("friendly_name") or ""))
        for factor in (enrolled if isinstance(enrolled, list) else [])
        if isinstance(factor, dict)
        and factor.get("status") == "verified"
        and factor.get("factor_type") in _FACTORS
        and isinstance(factor.get("id"), str)
    )
