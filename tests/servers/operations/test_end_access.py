"""How a person's access ends when Supabase, or the person, says so."""

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest

from mcp_auth.supabase.liveness import AccessEnd
from mcp_auth.supabase.sealed_sessions import SealedSessions
from oauth.foundation.vocabulary import GrantId, Subject
from oauth.protocol.models import Revocation, RevocationKind
from oauth.revocation import Revoker
from oauth.stores.opening import OpenDatabase
from oauth.stores.ports import SignIn, Store
from servers.operations.actor import Actor, ActorKind
from servers.operations.end_access import StoredAccessEnd
from tests.oauth.stores.test_round_trips import make_session
from tests.oauth.stores.tokens import add_codes
from tests.support.builders import NOW

ADA, EVE = Subject("subject_1"), Subject("subject_2")
PROJECT = Actor(ActorKind.SUPABASE, "https://abc.supabase.co")


@pytest.fixture
def sessions(database: OpenDatabase) -> SealedSessions:
    return SealedSessions(database)


@pytest.fixture
def access_end(revoker: Revoker, sessions: SealedSessions) -> AccessEnd:
    return StoredAccessEnd(revoker, sessions, PROJECT)


@pytest.mark.parametrize(
    ("method", "kind"), [("end_everything", RevocationKind.SUBJECT), ("end_grants", RevocationKind.SUBJECT_GRANTS)]
)
async def test_access_ends_with_grants_sign_ins_and_the_held_session(
    access_end: AccessEnd,
    sessions: SealedSessions,
    store: Store,
    announced: list[Revocation],
    events: list[MutableMapping[str, Any]],
    method: str,
    kind: RevocationKind,
) -> None:
    await add_codes(store, "1")
    await store.people.sign_in(SignIn(make_session(), NOW))
    await sessions.put(ADA, b"sealed")
    await getattr(access_end, method)(ADA, "supabase_banned")
    grant = await store.grants.get(GrantId("grant_1"))
    assert grant is not None
    assert grant.revoked_at == NOW
    assert await store.people.session(make_session().digest) is None
    assert await sessions.get(ADA) is None
    news = Revocation(kind, ADA, NOW, NOW + timedelta(hours=1))
    assert announced == list(await store.revocations.recorded_after(NOW - timedelta(days=1), NOW)) == [news]
    (event,) = events
    assert event == {
        "event": "access_ended",
        "log_level": "info",
        "reason": "supabase_banned",
        "subject": ADA,
        "grants_ended": 1,
        "actor_kind": "supabase",
        "actor_id": "https://abc.supabase.co",
    }


async def test_person_who_ends_their_own_access_is_the_actor(
    revoker: Revoker, sessions: SealedSessions, events: list[MutableMapping[str, Any]]
) -> None:
    await StoredAccessEnd(revoker, sessions, None).end_everything(ADA, "account_deleted")
    assert [(event["actor_kind"], event["actor_id"]) for event in events] == [("person", ADA)]


async def test_links_go_when_the_account_is_gone(access_end: AccessEnd, store: Store) -> None:
    await store.people.link("https://idp.example", "okta|1", ADA, NOW)
    await store.people.link("https://idp.example", "okta|2", EVE, NOW)
    await access_end.remove_links(ADA)
    assert await store.people.linked_subject("https://idp.example", "okta|1") is None
    assert await store.people.linked_subject("https://idp.example", "okta|2") == EVE


async def test_end_of_access_matters_to_those_who_have_some(access_end: AccessEnd, store: Store) -> None:
    await add_codes(store, "1")
    assert await access_end.select_with_access([ADA, EVE]) == {ADA}
