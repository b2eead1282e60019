"""Whose row is it? The table of cases, and what must hold in every case (SEED-32, F-1, D-12)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth.users.merge import Decision, Identifier, decide
from mcp_auth.users.models import Identity, User
from oauth.foundation.vocabulary import Role, Subject

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA, EVE = Subject("ada"), Subject("eve")
PHONE, OTHER_PHONE = "+919876543210", "+918888888888"
EMAIL, OTHER_EMAIL = "ada@example.com", "other@example.com"


def make_row(
    row_id: str, subject: Subject | None = None, *, phone: str | None = None, email: str | None = None
) -> User:
    return User(row_id, subject, email, phone, Role.USER, is_active=True, created_at=NOW)


def who(*, phone: str | None = None, email: str | None = None) -> Identity:
    return Identity(ADA, email, phone)


def make_deleted(row_id: str, subject: Subject | None) -> User:
    return replace(make_row(row_id, subject), deleted_at=NOW, is_active=False)


MINE = make_row("mine", ADA, phone=PHONE, email=EMAIL)
BARE = make_row("bare", ADA)
HERS_BY_PHONE = make_row("waits-1", phone=PHONE)
HERS_BY_EMAIL = make_row("waits-2", email=EMAIL)
WAITS_WITH_BOTH = make_row("waits-3", phone=PHONE, email=EMAIL)
WAITS_WITH_ANOTHER_EMAIL = make_row("waits-4", phone=PHONE, email=OTHER_EMAIL)
EVES = make_row("eves", EVE, phone=PHONE, email=EMAIL)
DELETED = make_deleted("deleted", ADA)
PHONE_TAKEN, EMAIL_TAKEN = Identifier.PHONE, Identifier.EMAIL

# name: identity, by Supabase id, by phone, by email → row, link, phone, email, conflicts
CASES: dict[str, tuple[Identity, User | None, User | None, User | None, Decision]] = {
    "nobody knows her: a new row": (
        who(phone=PHONE, email=EMAIL), None, None, None,
        Decision(None, link=False, phone=PHONE, email=EMAIL),
    ),
    "nothing verified: a new row without identifiers": (
        who(), None, None, None,
        Decision(None, link=False, phone=None, email=None),
    ),
    "nothing verified: rows that wait are not hers": (
        who(), None, HERS_BY_PHONE, HERS_BY_EMAIL,
        Decision(None, link=False, phone=None, email=None),
    ),
    "her row is complete: nothing is written": (
        who(phone=PHONE, email=EMAIL), MINE, MINE, MINE,
        Decision(MINE, link=False, phone=None, email=None),
    ),
    "her row is empty: it is filled": (
        who(phone=PHONE, email=EMAIL), BARE, None, None,
        Decision(BARE, link=False, phone=PHONE, email=EMAIL),
    ),
    "her identifiers have changed at Supabase: nothing is overwritten": (
        who(phone=OTHER_PHONE, email=OTHER_EMAIL), MINE, None, None,
        Decision(MINE, link=False, phone=None, email=None),
    ),
    "her row lacks what another person has: it stays there": (
        who(phone=PHONE, email=EMAIL), BARE, EVES, EVES,
        Decision(BARE, link=False, phone=None, email=None, conflicts=(PHONE_TAKEN, EMAIL_TAKEN)),
    ),
    "her row lacks what a waiting row has: rows are never merged": (
        who(phone=PHONE), BARE, HERS_BY_PHONE, None,
        Decision(BARE, link=False, phone=None, email=None, conflicts=(PHONE_TAKEN,)),
    ),
    "a row waits for her phone": (
        who(phone=PHONE, email=EMAIL), None, HERS_BY_PHONE, None,
        Decision(HERS_BY_PHONE, link=True, phone=None, email=EMAIL),
    ),
    "a row waits for her email": (
        who(phone=PHONE, email=EMAIL), None, None, HERS_BY_EMAIL,
        Decision(HERS_BY_EMAIL, link=True, phone=PHONE, email=None),
    ),
    "a row waits for both": (
        who(phone=PHONE, email=EMAIL), None, WAITS_WITH_BOTH, WAITS_WITH_BOTH,
        Decision(WAITS_WITH_BOTH, link=True, phone=None, email=None),
    ),
    "a row waits for her phone, and has an email that is not hers: it keeps it": (
        who(phone=PHONE, email=EMAIL), None, WAITS_WITH_ANOTHER_EMAIL, None,
        Decision(WAITS_WITH_ANOTHER_EMAIL, link=True, phone=None, email=None),
    ),
    "two rows wait: the phone's is hers, the email's waits on": (
        who(phone=PHONE, email=EMAIL), None, HERS_BY_PHONE, HERS_BY_EMAIL,
        Decision(HERS_BY_PHONE, link=True, phone=None, email=None, conflicts=(EMAIL_TAKEN,)),
    ),
    "her phone is another person's, and a row waits for her email": (
        who(phone=PHONE, email=EMAIL), None, EVES, HERS_BY_EMAIL,
        Decision(HERS_BY_EMAIL, link=True, phone=None, email=None, conflicts=(PHONE_TAKEN,)),
    ),
    "both are another person's: a new row without them": (
        who(phone=PHONE, email=EMAIL), None, EVES, EVES,
        Decision(None, link=False, phone=None, email=None, conflicts=(PHONE_TAKEN, EMAIL_TAKEN)),
    ),
    "her row was deleted: it gets nothing back": (
        who(phone=PHONE, email=EMAIL), DELETED, None, HERS_BY_EMAIL,
        Decision(DELETED, link=False, phone=None, email=None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_row_is_found_and_filled_as_the_rules_say(name: str) -> None:
    identity, by_supabase_id, by_phone, by_email, expected = CASES[name]
    assert decide(identity, by_supabase_id, by_phone, by_email) == expected


# -- whatever the table holds

SUBJECTS = [Subject(name) for name in ("ada", "eve", "bob")]
PHONES = [PHONE, OTHER_PHONE, "+15551234567"]
EMAILS = [EMAIL, OTHER_EMAIL, "third@example.com"]


@st.composite
def tables(draw: st.DrawFn) -> list[User]:
    """Rows as the unique indexes and CHECKs of the database allow them."""
    rows: list[User] = []
    for number in range(draw(st.integers(0, 5))):
        row = User(
            f"row_{number}",
            draw(st.sampled_from([None, *SUBJECTS])),
            draw(st.sampled_from([None, *EMAILS])),
            draw(st.sampled_from([None, *PHONES])),
            draw(st.sampled_from(Role)),
            is_active=draw(st.booleans()),
            created_at=NOW,
        )
        if draw(st.sampled_from([True, False, False, False])):
            row = replace(row, email=None, phone=None, is_active=False, deleted_at=NOW)
        if all(
            getattr(row, name) is None or getattr(row, name) != getattr(other, name)
            for other in rows
            for name in ("supabase_id", "email", "phone")
        ):
            rows.append(row)
    return rows


identities = st.builds(
    Identity, st.sampled_from(SUBJECTS), st.sampled_from([None, *EMAILS]), st.sampled_from([None, *PHONES])
)


def look(rows: list[User], identity: Identity) -> Decision:
    def by(name: str, value: object) -> User | None:
        return next((row for row in rows if value is not None and getattr(row, name) == value), None)

    return decide(
        identity,
        by("supabase_id", identity.supabase_id),
        by("phone", identity.phone),
        by("email", identity.email),
    )


def carry_out(rows: list[User], identity: Identity, decision: Decision) -> list[User]:
    """What the store makes of a decision."""
    if decision.row is None:
        new = User("new", identity.supabase_id, decision.email, decision.phone, Role.USER, True, NOW)  # noqa: FBT003
        return [*rows, new]
    changed = replace(
        decision.row,
        supabase_id=identity.supabase_id,
        email=decision.row.email if decision.email is None else decision.email,
        phone=decision.row.phone if decision.phone is None else decision.phone,
    )
    return [changed if row.id == decision.row.id else row for row in rows]


@given(tables(), identities)
def test_nothing_is_overwritten_and_nothing_is_taken_from_another_row(rows: list[User], identity: Identity) -> None:
    after = carry_out(rows, identity, look(rows, identity))
    for before in rows:
        (now,) = [row for row in after if row.id == before.id]
        for name in ("supabase_id", "email", "phone"):
            assert getattr(before, name) is None or getattr(now, name) == getattr(before, name)
        assert (now.role, now.is_active, now.deleted_at) == (before.role, before.is_active, before.deleted_at)
    for name in ("supabase_id", "email", "phone"):
        values = [getattr(row, name) for row in after if getattr(row, name) is not None]
        assert len(values) == len(set(values)), "a unique index would refuse it"


@given(tables(), identities)
def test_row_is_linked_only_on_an_identifier_that_the_person_has_proven(rows: list[User], identity: Identity) -> None:
    decision = look(rows, identity)
    if decision.link:
        assert decision.row is not None
        assert decision.row.supabase_id is None
        assert decision.row.deleted_at is None
        proven = {identity.phone, identity.email} - {None}
        assert proven & {decision.row.phone, decision.row.email}


@given(tables(), identities)
def test_row_holds_only_what_is_proven_or_was_there_before(rows: list[User], identity: Identity) -> None:
    decision = look(rows, identity)
    assert decision.email in {None, identity.email}
    assert decision.phone in {None, identity.phone}
    assert decision.row is None or decision.row.deleted_at is None or not decision.writes


@given(tables(), identities)
def test_person_has_one_row_afterwards_and_deciding_again_changes_nothing(rows: list[User], identity: Identity) -> None:
    decision = look(rows, identity)
    after = carry_out(rows, identity, decision)
    assert sum(row.supabase_id == identity.supabase_id for row in after) == 1
    again = look(after, identity)
    assert not again.writes
    assert again.row is not None
    assert carry_out(after, identity, again) == after


@given(tables(), st.lists(identities, min_size=1, max_size=6))
def test_everybody_keeps_their_row_whoever_comes_later(rows: list[User], people: list[Identity]) -> None:
    owners: dict[Subject, str] = {row.supabase_id: row.id for row in rows if row.supabase_id is not None}
    for number, identity in enumerate(people):
        rows = [
            replace(row, id=f"new_{number}") if row.id == "new" else row
            for row in carry_out(rows, identity, look(rows, identity))
        ]
        now = {row.supabase_id: row.id for row in rows if row.supabase_id is not None}
        assert owners.items() <= now.items()
        owners = now
