"""Which of a Supabase user's identifiers count (F-1)."""

import pytest

from mcp_auth.supabase import identity
from mcp_auth.users.models import Identity
from oauth.foundation.vocabulary import Subject

CONFIRMED = "2026-01-01T00:00:00Z"


def make_user(**changes: object) -> dict[str, object]:
    return {
        "id": "subject_1",
        "aud": "authenticated",
        "role": "authenticated",
        "email": "Ada@Example.com",
        "email_confirmed_at": CONFIRMED,
        "phone": "15551234567",
        "phone_confirmed_at": CONFIRMED,
        "user_metadata": {},
        **changes,
    }


def identified(email: str | None, phone: str | None) -> Identity:
    return Identity(Subject("subject_1"), email, phone)


# SEED-30, SEED-31: lower case and E.164.
def test_confirmed_email_and_phone_count() -> None:
    assert identity.parse(make_user()) == identified("ada@example.com", "+15551234567")
    assert identity.parse(make_user(phone="+15551234567")) == identified("ada@example.com", "+15551234567")


@pytest.mark.parametrize("confirmed_at", [None, ""])
def test_unconfirmed_email_or_phone_does_not_count(confirmed_at: object) -> None:
    assert identity.parse(make_user(email_confirmed_at=confirmed_at)) == identified(None, "+15551234567")
    assert identity.parse(make_user(phone_confirmed_at=confirmed_at)) == identified("ada@example.com", None)


@pytest.mark.parametrize("value", [None, "", 1, ["ada@example.com"], {}])
def test_email_or_phone_that_is_none_does_not_count(value: object) -> None:
    assert identity.parse(make_user(email=value)) == identified(None, "+15551234567")
    assert identity.parse(make_user(phone=value)) == identified("ada@example.com", None)


def test_user_without_confirmation_members_has_no_identifiers() -> None:
    assert identity.parse({"id": "subject_1", "email": "ada@example.com", "phone": "1555"}) == identified(None, None)


# F-1: a person can write anybody's address there, and that it is verified.
def test_what_people_write_about_themselves_does_not_count() -> None:
    written = {
        "email": "victim@example.com",
        "email_verified": True,
        "email_confirmed_at": CONFIRMED,
        "phone": "1999",
        "phone_verified": True,
        "phone_confirmed_at": CONFIRMED,
        "id": "subject_2",
        "sub": "subject_2",
    }
    user = make_user(email="", phone="", user_metadata=written, identities=[{"identity_data": written}])
    assert identity.parse(user) == identified(None, None)


# An address that somebody asked to change to is not theirs yet.
def test_address_that_waits_for_confirmation_does_not_count() -> None:
    user = make_user(new_email="victim@example.com", new_phone="1999", email_change_sent_at=CONFIRMED)
    assert identity.parse(user) == identified("ada@example.com", "+15551234567")


@pytest.mark.parametrize("subject", [None, "", 1, ["subject_1"]])
def test_user_without_id_is_nobody(subject: object) -> None:
    assert identity.parse(make_user(id=subject)) is None
    assert identity.parse({}) is None
