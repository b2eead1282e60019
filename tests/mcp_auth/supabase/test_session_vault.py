"""Following the sessions of people who signed in here, and the rounds in which that is done (D-14)."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Collection
from datetime import timedelta
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import Connection, func, select

from mcp_auth.supabase.account_states import AccountState, AccountStates, State, supabase_states
from mcp_auth.supabase.admin import SupabaseAdmin
from mcp_auth.supabase.client import SupabaseClient
from mcp_auth.supabase.liveness import Liveness
from mcp_auth.supabase.sealed_sessions import SealedSessions, held_sessions
from mcp_auth.supabase.session_vault import AccountReport, SessionVault
from oauth.foundation.credentials import KeyEncryption
from oauth.foundation.outages import ProviderUnavailable, StoreUnavailable
from oauth.foundation.vocabulary import Digest, Subject
from oauth.protocol.models import SignInSession
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import SignIn, Store
from tests.oauth.stores.tokens import add_codes
from tests.support.builders import NOW
from tests.support.clock import SettableClock
from tests.support.gateway import SECRET
from tests.support.scripted_server import RESET, Reply, ScriptedServer
from tests.support.tokens import ISSUED_AT, make_session_claims, make_session_token

T = TypeVar("T")

ADA, EVE = Subject("subject_1"), Subject("subject_2")
TOTP = {"id": "factor_1", "factor_type": "totp", "status": "verified"}
HERE_NOW = AccountReport(State.ACTIVE, has_factor=False)
OTHER_SECRET = "another-root-secret-0123456789-abcdefghij"


def encryption(*root_secrets: str) -> KeyEncryption:
    return KeyEncryption(root_secrets or (SECRET,), secrets.token_bytes)


def refused(code: str, status: int = 400) -> Reply:
    return Reply(json.dumps({"code": code, "message": "no"}).encode(), status)


def user(**members: object) -> Reply:
    return Reply(json.dumps({"id": ADA, **members}).encode())


HERE = user()


class AccessEnd:
    """Notes whose access ends."""

    def __init__(self, store: Store, clock: SettableClock) -> None:
        self.store = store
        self.clock = clock
        self.ended: list[tuple[str, Subject]] = []
        self.reasons: list[str] = []
        self.is_down = False
        self.cannot_end = False

    async def end_everything(self, subject: Subject, reason: str) -> None:
        if self.cannot_end:
            raise StoreUnavailable("the database is locked")
        self.ended.append(("everything", subject))
        self.reasons.append(reason)

    async def end_grants(self, subject: Subject, reason: str) -> None:
        self.ended.append(("grants", subject))
        self.reasons.append(reason)

    async def remove_links(self, subject: Subject) -> None:
        if self.is_down:
            raise StoreUnavailable("the database is locked")
        self.ended.append(("links", subject))

    async def select_with_access(self, subjects: Collection[Subject]) -> Collection[Subject]:
        return await self.store.grants.subjects_with_access(subjects, self.clock())


class World:
    """A node and its project."""

    def __init__(
        self, database: OpenDatabase, project: ScriptedServer, client: SupabaseClient, clock: SettableClock
    ) -> None:
        clock.now = NOW
        self.database = database
        self.project = project
        self.client = client
        self.clock = clock
        self.states = AccountStates(database)
        self.sessions = SealedSessions(database)
        self.access_end = AccessEnd(store_on(database), clock)
        self.held = self.holder()

    def holder(self, sealing: KeyEncryption | None = None) -> SessionVault:
        return SessionVault(self.client, self.sessions, sealing or encryption(), self.clock)

    async def sign_in(self, liveness: Liveness, subject: Subject, session: dict[str, object]) -> None:
        for write in liveness.record_sign_in(subject, session):
            await self.database.write(write)

    def liveness(self, *, has_secret_key: bool = False) -> Liveness:
        admin = SupabaseAdmin(self.client) if has_secret_key else None
        return Liveness(self.held, admin, self.states, self.access_end, self.clock, timedelta(hours=1))

    def session(self, number: int = 1, *, minutes: int = 60, subject: str = ADA) -> dict[str, object]:
        issued_at = ISSUED_AT + (self.clock.now - NOW) // timedelta(seconds=1)
        claims = make_session_claims(
            self.client.issuer, sub=subject, iat=issued_at, exp=issued_at + minutes * 60, jti=number
        )
        return {"access_token": make_session_token(claims), "refresh_token": f"canary-refresh-{number}"}

    def will_answer(self, *replies: Reply | dict[str, object] | None) -> None:
        self.project.replies = [
            Reply(json.dumps(reply).encode()) if isinstance(reply, dict) else reply for reply in replies
        ]

    @property
    def asked(self) -> list[str]:
        return [received.target.removeprefix("/auth/v1") for received in self.project.received]

    async def count(self, table: object = held_sessions) -> int:
        query = select(func.count()).select_from(table)  # type: ignore[arg-type]
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())


@pytest.fixture
async def world(
    database_url: str, supabase: ScriptedServer, client: SupabaseClient, clock: SettableClock
) -> AsyncIterator[World]:
    database = await open_database(database_url)
    yield World(database, supabase, client, clock)
    await database.close()


REFRESH = "/token?grant_type=refresh_token"


async def test_nobody_is_asked_about_somebody_without_a_session(world: World) -> None:
    assert await world.held.fetch_report(ADA) is None
    assert world.asked == []


async def test_person_with_a_session_is_there(world: World) -> None:
    session = world.session()
    await world.held.keep(ADA, session)
    world.will_answer(HERE)
    assert await world.held.fetch_report(ADA) == HERE_NOW
    assert world.asked == ["/user"]
    assert world.project.received[0].headers["authorization"] == f"Bearer {session['access_token']}"


async def test_session_is_refreshed_before_its_access_token_runs_out(world: World) -> None:
    await world.held.keep(ADA, world.session())
    world.clock.advance(minutes=59, seconds=31)
    world.will_answer(world.session(2), HERE)
    assert await world.held.fetch_report(ADA) == HERE_NOW
    assert world.asked == [REFRESH, "/user"]
    assert json.loads(world.project.received[0].body) == {"refresh_token": "canary-refresh-1"}
    world.clock.advance(hours=1)
    world.will_answer(world.session(3), HERE)
    await world.holder().fetch_report(ADA)  # on another node
    assert json.loads(world.project.received[2].body) == {"refresh_token": "canary-refresh-2"}


# The project revoked the key that the access token was signed with.
async def test_access_token_that_supabase_no_longer_believes_is_refreshed(world: World) -> None:
    await world.held.keep(ADA, world.session())
    world.will_answer(refused("bad_jwt", 403), world.session(2), HERE)
    assert await world.held.fetch_report(ADA) == HERE_NOW
    assert world.asked == ["/user", REFRESH, "/user"]


async def test_refresh_whose_answer_was_lost_is_repeated_with_the_same_token(world: World) -> None:
    await world.held.keep(ADA, world.session(minutes=0))
    world.will_answer(Reply(b"{}", 500))
    with pytest.raises(ProviderUnavailable):
        await world.held.fetch_report(ADA)
    world.will_answer(world.session(2), HERE)
    assert await world.held.fetch_report(ADA) == HERE_NOW
    assert json.loads(world.project.received[1].body) == {"refresh_token": "canary-refresh-1"}


@pytest.mark.parametrize(
    ("reply", "look"),
    [
        (refused("session_not_found", 403), AccountReport(State.ACTIVE, signed_out=True)),
        (refused("user_not_found", 403), AccountReport(State.DELETED)),
        (refused("user_banned", 403), AccountReport(State.BANNED)),
        (user(banned_until="2126-01-01T00:00:00Z"), AccountReport(State.BANNED, has_factor=False)),
        (user(deleted_at="2026-01-01T00:00:00Z"), AccountReport(State.DELETED, has_factor=False)),
        (user(factors=[TOTP]), AccountReport(State.ACTIVE, has_factor=True)),
        (user(factors=[{**TOTP, "status": "unverified"}]), HERE_NOW),
        (user(factors=[{**TOTP, "factor_type": "webauthn"}]), HERE_NOW),
    ],
)
async def test_what_supabase_says_of_a_session(world: World, reply: Reply, look: AccountReport) -> None:
    await world.held.keep(ADA, world.session())
    world.will_answer(reply)
    assert await world.held.fetch_report(ADA) == look
    assert await world.held.fetch_report(ADA) == look  # until the session is forgotten


@pytest.mark.parametrize(
    ("code", "look"),
    [
        ("refresh_token_not_found", AccountReport(State.ACTIVE, signed_out=True)),
        ("session_not_found", AccountReport(State.ACTIVE, signed_out=True)),
        ("user_banned", AccountReport(State.BANNED)),
    ],
)
async def test_what_supabase_says_at_a_refresh(world: World, code: str, look: AccountReport) -> None:
    await world.held.keep(ADA, world.session(minutes=0))
    world.will_answer(refused(code))
    assert await world.held.fetch_report(ADA) == look


# It says nothing of its person, so whatever else there is to ask is asked from here on.
@pytest.mark.parametrize("code", ["session_expired", "refresh_token_already_used"])
async def test_session_that_ended_by_itself_is_forgotten(world: World, code: str) -> None:
    await world.held.keep(ADA, world.session(minutes=0))
    world.will_answer(refused(code))
    assert await world.held.fetch_report(ADA) is None
    assert await world.count() == 0


@pytest.mark.parametrize(
    "reply",
    [
        RESET,
        Reply(b"{}", 503),
        Reply(b"<html>"),
        refused("over_request_rate_limit", 429),
        refused("no_authorization", 401),
        Reply(b'{"message":"Invalid API key"}', 401),
    ],
)
@pytest.mark.parametrize("minutes", [0, 60])
async def test_trouble_says_nothing(world: World, reply: Reply | None, minutes: int) -> None:
    await world.held.keep(ADA, world.session(minutes=minutes))
    world.will_answer(reply)
    with pytest.raises(ProviderUnavailable):
        await world.held.fetch_report(ADA)
    assert await world.count() == 1


async def test_newest_session_is_the_one_that_counts(world: World) -> None:
    await world.held.keep(ADA, world.session(1))
    newest = world.session(2)
    await world.held.keep(ADA, newest)
    assert await world.count() == 1
    world.will_answer(HERE)
    await world.held.fetch_report(ADA)
    assert world.project.received[0].headers["authorization"] == f"Bearer {newest['access_token']}"


# Somebody signs out everywhere and in again while we are asking about the old session.
async def test_what_is_said_of_a_session_that_was_replaced_meanwhile_does_not_count(world: World) -> None:
    await world.held.keep(ADA, world.session(1))
    world.will_answer(refused("session_not_found", 403))
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: httpx.Response) -> None:
        arrived.set()
        await go_on.wait()

    async with httpx.AsyncClient(event_hooks={"response": [wait]}) as http:
        slow = SessionVault(SupabaseClient(world.project.url, "k", http), world.sessions, encryption(), world.clock)
        looking = asyncio.create_task(slow.fetch_report(ADA))
        await arrived.wait()
        await world.held.keep(ADA, world.session(2))
        go_on.set()
        assert await looking == AccountReport(State.ACTIVE)


async def test_two_nodes_that_refresh_at_once_hold_the_same_session(world: World) -> None:
    await world.held.keep(ADA, world.session(minutes=0))
    world.will_answer({**world.session(2), "id": ADA})  # to whichever question comes first
    looks = await asyncio.gather(world.held.fetch_report(ADA), world.holder().fetch_report(ADA))
    assert list(looks) == [HERE_NOW] * 2


async def test_session_that_cannot_be_refreshed_is_not_kept(world: World) -> None:
    await world.held.keep(ADA, {"access_token": "x", "user": {}})
    assert await world.count() == 0


async def test_sessions_of_many_people_at_once_are_one_each(world: World) -> None:
    await asyncio.gather(*(world.holder().keep(subject, world.session(n)) for n in range(5) for subject in (ADA, EVE)))
    assert await world.count() == 2


async def test_sessions_at_rest_are_sealed_for_their_person(world: World) -> None:
    await world.held.keep(ADA, world.session())
    query = select(held_sessions.c.sealed)
    sealed = await world.database.read(lambda connection: connection.execute(query).scalar_one())
    assert b"canary" not in sealed
    assert encryption().decrypt(sealed, f"supabase session of {EVE}") is None
    assert await world.holder(encryption(OTHER_SECRET)).fetch_report(ADA) is None
    world.will_answer(HERE)
    rotated = world.holder(encryption(OTHER_SECRET, SECRET))
    assert await rotated.fetch_report(ADA) == HERE_NOW


# -- acting on it


async def test_sign_out_ends_what_was_given_here_and_leaves_the_person_known(world: World) -> None:
    await world.sign_in(world.liveness(), ADA, world.session())
    world.clock.advance(seconds=61)
    world.will_answer(refused("session_not_found", 403))
    assert await world.liveness().confirm(ADA) is False
    assert world.access_end.ended == [("grants", ADA)]
    assert world.access_end.reasons == ["supabase_signed_out"]
    known = await world.states.get(ADA)
    assert known is not None
    assert known.state is State.ACTIVE


# A ban may be lifted: who identity providers mean by the person is forgotten with the account alone.
@pytest.mark.parametrize(
    ("code", "ended", "reason"),
    [
        ("user_banned", ["everything"], "supabase_banned"),
        ("user_not_found", ["links", "everything"], "supabase_deleted"),
    ],
)
async def test_ban_and_deletion_end_everything(world: World, code: str, ended: list[str], reason: str) -> None:
    await world.sign_in(world.liveness(), ADA, world.session())
    world.clock.advance(seconds=61)
    world.will_answer(refused(code, 403))
    assert not (await world.liveness().presence(ADA)).is_active
    assert world.access_end.ended == [(what, ADA) for what in ended]
    assert world.access_end.reasons == [reason]


async def test_links_that_could_not_be_forgotten_are_forgotten_by_whoever_asks_next(world: World) -> None:
    await world.sign_in(world.liveness(), ADA, world.session())
    world.clock.advance(seconds=61)
    world.access_end.is_down = True
    world.will_answer(refused("user_not_found", 403), refused("user_not_found", 403))
    with pytest.raises(StoreUnavailable):
        await world.liveness().presence(ADA)
    world.access_end.is_down = False
    assert not (await world.liveness().presence(ADA)).is_active
    assert ("links", ADA) in world.access_end.ended


# The webhook answers 503 then, and the sender repeats it.
async def test_ban_whose_end_of_access_was_interrupted_ends_it_when_it_is_told_again(world: World) -> None:
    world.access_end.cannot_end = True
    with pytest.raises(StoreUnavailable):
        await world.liveness().record_state(ADA, State.BANNED)
    world.access_end.cannot_end = False
    await world.liveness().record_state(ADA, State.BANNED)
    assert world.access_end.ended == [("everything", ADA)]


async def test_person_without_a_session_is_asked_for_by_name(world: World) -> None:
    world.will_answer({"id": ADA})
    assert (await world.liveness(has_secret_key=True).presence(ADA)).is_active
    assert world.asked == [f"/admin/users/{ADA}"]


async def test_person_whom_nobody_can_be_asked_about_is_there(world: World) -> None:
    assert (await world.liveness().presence(ADA)).is_active
    assert await world.liveness().confirm(ADA) is True
    await world.liveness().record_state(ADA, State.BANNED)
    assert not (await world.liveness().presence(ADA)).is_active
    assert world.asked == []


# -- the rounds


@pytest.mark.parametrize("has", ["a grant", "a browser that is signed in"])
async def test_idle_person_who_signed_out_is_found_in_the_next_round(world: World, has: str) -> None:
    liveness = world.liveness()
    await world.sign_in(liveness, ADA, world.session(minutes=300))
    if has == "a grant":
        await add_codes(store_on(world.database), "1")
    else:
        await sign_in_browser(world, ADA)
    world.will_answer(refused("session_not_found", 403))
    world.clock.advance(minutes=59)
    await liveness.sweep()
    assert world.asked == []
    world.clock.advance(minutes=2)
    await liveness.sweep()
    assert world.access_end.ended == [("grants", ADA)]
    await liveness.sweep()
    assert world.asked == ["/user"]


async def test_person_without_access_is_forgotten(world: World) -> None:
    liveness = world.liveness()
    await world.sign_in(liveness, ADA, world.session())
    world.clock.advance(minutes=61)
    await liveness.sweep()
    assert (await world.count(), await world.count(supabase_states)) == (0, 0)
    assert world.asked == []


async def test_round_remembers_whose_access_was_ended(world: World) -> None:
    await world.liveness().record_state(ADA, State.BANNED)
    world.clock.advance(hours=2)
    await world.liveness().sweep()
    assert not (await world.liveness().presence(ADA)).is_active


async def test_round_in_an_outage_ends_nothing_and_goes_on_later(world: World) -> None:
    liveness = world.liveness()
    await world.sign_in(liveness, ADA, world.session(minutes=300))
    await sign_in_browser(world, ADA)
    world.clock.advance(minutes=61)
    world.will_answer(Reply(b"{}", 503))
    with pytest.raises(ProviderUnavailable):
        await liveness.sweep()
    assert world.access_end.ended == []
    world.will_answer(HERE)
    await liveness.sweep()
    assert world.asked == ["/user"] * 2


async def sign_in_browser(world: World, subject: Subject) -> None:
    later = world.clock() + timedelta(hours=8)
    session = SignInSession(Digest(subject.encode()), subject, "ada@example.com", world.clock(), "aal1", later)
    await store_on(world.database).people.sign_in(SignIn(session, NOW))


class Reads:
    """A database that counts how often it is read."""

    def __init__(self, database: OpenDatabase) -> None:
        self.count = 0
        self._database = database
        self.write, self.close = database.write, database.close

    async def read(self, work: Callable[[Connection], T]) -> T:
        self.count += 1
        return await self._database.read(work)


# performance: the refreshes of one person in one moment, as several tool calls and windows cause them.
@pytest.mark.parametrize("known", [True, False])
async def test_whoever_was_looked_up_is_not_looked_up_again_in_the_next_ten_seconds(world: World, known: bool) -> None:
    reads = Reads(world.database)
    if known:
        await world.states.put(ADA, AccountState(State.ACTIVE, world.clock()))
    liveness = Liveness(world.held, None, AccountStates(reads), world.access_end, world.clock, timedelta(hours=1))
    for _ in range(5):
        assert await liveness.confirm(ADA)
        world.clock.advance(seconds=2)
    assert reads.count == 1
    world.clock.advance(seconds=1)
    assert await liveness.confirm(ADA)
    assert reads.count == 2
    await liveness.record_state(ADA, State.BANNED)
    assert not await liveness.confirm(ADA)
