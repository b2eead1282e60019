"""Parse Supabase's user object: verified identifiers, linked identity providers and second factors."""

from collections.abc import Mapping
from typing import Any

from mcp_auth.users.models import Identity
from oauth.foundation.vocabulary import Subject
from oauth.protocol.resource_owners import ExternalIdentity, SecondFactor

# Supabase lists its own sign-in methods among the identity providers.
_OWN_PROVIDERS = frozenset({"email", "phone"})
# Without WebAuthn, which needs JavaScript: the sign-in page does not use it.
_FACTOR_TYPES = frozenset({"totp", "phone"})


def parse(user: Mapping[str, Any]) -> Identity | None:
    """→ the identity; None if the user has no id. user: the body of GET /user, or the `user` of a session.

    Takes only an email or phone that Supabase has confirmed, and never one of user_metadata, which users can edit."""
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
    """→ the user's ids at the identity providers that they have signed in with, without Supabase's own methods."""
    identities = user.get("identities")
    pairs = [
        (identity.get("provider"), identity["identity_data"].get("sub"))
        for identity in (identities if isinstance(identities, list) else [])
        if isinstance(identity, dict) and isinstance(identity.get("identity_data"), dict)
    ]
    return tuple(
        ExternalIdentity(provider, subject)
        for provider, subject in pairs
        if isinstance(provider, str) and isinstance(subject, str) and subject and provider not in _OWN_PROVIDERS
    )


def verified_factors(user: Mapping[str, Any]) -> tuple[SecondFactor, ...]:
    """→ the verified second factors of a type that the sign-in page supports."""
    factors = user.get("factors")
    return tuple(
        SecondFactor(factor["id"], factor["factor_type"], str(factor.get("friendly_name") or ""))
        for factor in (factors if isinstance(factors, list) else [])
        if isinstance(factor, dict)
        and factor.get("status") == "verified"
        and factor.get("factor_type") in _FACTOR_TYPES
        and isinstance(factor.get("id"), str)
    )
