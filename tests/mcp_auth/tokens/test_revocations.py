from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mcp_auth.principal import Principal, TokenKind
from mcp_auth.tokens.revocations import Revocations
from oauth.foundation.vocabulary import ClientId, GrantId, Role, Subject
from oauth.protocol.models import Revocation, RevocationKind
from tests.support.builders import NOW, USER, scopes

SECOND = timedelta(seconds=1)
FIRST_PARTY = Principal(
    subject=Subject("subject_1"),
    role=Role.USER,
    resource=USER.identifier,
    scopes=scopes("mcp:read"),
    kind=TokenKind.FIRST_PARTY,
    client_id=ClientId("client_1"),
    grant_id=GrantId("grant_1"),
    token_id="token_1",
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    acr="aal1",
)
SUPABASE = replace(FIRST_PARTY, kind=TokenKind.SUPABASE, client_id=None, grant_id=None, token_id=None)


def make_revocation(
    kind: RevocationKind, value: str, recorded_at: datetime = NOW, expires_at: datetime = NOW + timedelta(hours=1)
) -> Revocation:
    return Revocation(kind, value, recorded_at, expires_at)


@pytest.fixture
def told() -> list[Subject]:
    return []


@pytest.fixture
def revocations(told: list[Subject]) -> Revocations:
    return Revocations(on_person=told.append)


def test_nothing_is_revoked_at_first(revocations: Revocations) -> None:
    assert not revocations.is_revoked(FIRST_PARTY)
    assert not revocations.is_revoked(SUPABASE)


# D-6, STD-39
@pytest.mark.parametrize(
    ("kind", "value", "principal", "ended"),
    [
        (RevocationKind.GRANT, "grant_1", FIRST_PARTY, True),
        (RevocationKind.GRANT, "grant_2", FIRST_PARTY, False),
        (RevocationKind.GRANT, "token_1", FIRST_PARTY, False),
        (RevocationKind.GRANT, "grant_1", SUPABASE, False),
        (RevocationKind.ACCESS_TOKEN, "token_1", FIRST_PARTY, True),
        (RevocationKind.ACCESS_TOKEN, "token_2", FIRST_PARTY, False),
        (RevocationKind.ACCESS_TOKEN, "grant_1", FIRST_PARTY, False),
        (RevocationKind.SUBJECT, "subject_1", FIRST_PARTY, True),
        (RevocationKind.SUBJECT, "subject_1", SUPABASE, True),
        (RevocationKind.SUBJECT, "subject_2", FIRST_PARTY, False),
        (RevocationKind.STANDING, "subject_1", FIRST_PARTY, False),
        (RevocationKind.STANDING, "grant_1", FIRST_PARTY, False),
    ],
)
def test_revocation_ends_the_tokens_that_it_is_about(
    revocations: Revocations, kind: RevocationKind, value: str, principal: Principal, ended: bool
) -> None:
    revocations.add(make_revocation(kind, value))
    assert revocations.is_revoked(principal) is ended


# D-14: signed out everywhere is about what was given until then; whoever signs in again has access.
@pytest.mark.parametrize(
    ("issued_at", "recorded_at", "ended"),
    [
        (NOW - SECOND, NOW, True),
        (NOW, NOW, True),
        (NOW, NOW + timedelta(milliseconds=900), True),
        (NOW + SECOND, NOW, False),
        (NOW + SECOND, NOW + timedelta(milliseconds=900), False),
    ],
)
def test_person_who_signs_in_again_after_a_revocation_has_access(
    revocations: Revocations, issued_at: datetime, recorded_at: datetime, ended: bool
) -> None:
    revocations.add(make_revocation(RevocationKind.SUBJECT, "subject_1", recorded_at))
    assert revocations.is_revoked(replace(FIRST_PARTY, issued_at=issued_at)) is ended


def test_newer_revocation_of_a_person_counts_whichever_arrives_first(revocations: Revocations) -> None:
    newer = make_revocation(RevocationKind.SUBJECT, "subject_1", NOW + SECOND)
    older = make_revocation(RevocationKind.SUBJECT, "subject_1", NOW - SECOND)
    revocations.add_all([newer, older], NOW)
    assert revocations.is_revoked(FIRST_PARTY)


# What is remembered of a verified token is looked at again when the version changes.
def test_version_changes_with_what_is_new_and_with_nothing_else(revocations: Revocations) -> None:
    versions = [revocations.version]
    for revocation in (
        make_revocation(RevocationKind.GRANT, "grant_1"),
        make_revocation(RevocationKind.ACCESS_TOKEN, "token_1"),
        make_revocation(RevocationKind.SUBJECT, "subject_1"),
        make_revocation(RevocationKind.STANDING, "subject_1"),
        make_revocation(RevocationKind.SUBJECT, "subject_1", NOW + SECOND),
    ):
        revocations.add(revocation)
        versions.append(revocations.version)
        revocations.add(revocation)
        assert revocations.version == versions[-1]
    assert len(set(versions)) == 6


def test_each_person_whose_state_changed_is_told_of_once(revocations: Revocations, told: list[Subject]) -> None:
    polled = [
        make_revocation(RevocationKind.STANDING, "subject_1"),
        make_revocation(RevocationKind.SUBJECT, "subject_2"),
        make_revocation(RevocationKind.GRANT, "grant_1"),
        make_revocation(RevocationKind.ACCESS_TOKEN, "token_1"),
    ]
    revocations.add_all(polled, NOW)
    revocations.add_all(polled, NOW)  # the next poll overlaps
    assert told == ["subject_1", "subject_2"]


# It is forgotten when no token of it can be presented any more, and not before.
def test_revocation_is_known_until_it_expires(revocations: Revocations) -> None:
    revocations.add(make_revocation(RevocationKind.GRANT, "grant_1", expires_at=NOW + SECOND))
    revocations.add_all([], NOW)
    assert revocations.is_revoked(FIRST_PARTY)
    revocations.add_all([], NOW + SECOND)
    assert not revocations.is_revoked(FIRST_PARTY)
