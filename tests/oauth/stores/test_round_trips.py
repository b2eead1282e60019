"""Every record comes back as it was written, and every transition happens once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, exc, text

from oauth.foundation.credentials import digest, seal_under
from oauth.foundation.reason_codes import CompoundReason
from oauth.foundation.vocabulary import ClientId, GrantId, Subject
from oauth.protocol.errors import invalid_grant
from oauth.protocol.grant_types.decision import CodeDecision, Issue, Refuse
from oauth.protocol.models import (
    AuthorizationCode,
    Client,
    ClientAuthenticationMethod,
    GrantType,
    PushedRequest,
    Registration,
    Revocation,
    RevocationKind,
    SignInSession,
)
from oauth.protocol.redirect_uri import RedirectTarget
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import AttemptCount, Sighting, SignIn, Store, StoredSigningKey
from tests.oauth.stores.tokens import (
    CLIENT,
    add_code,
    add_codes,
    add_refresh_token,
    issued,
    make_request,
    named_code,
    named_grant,
    redeem,
    refresh,
    stored_refresh_token,
)
from tests.support.builders import NOW, SETTINGS, make_client, make_refresh_token, refused

PRECISE = NOW + timedelta(microseconds=123_457)
LATER = NOW + timedelta(minutes=5)
UNKNOWN = digest("nobody made this")

# -- clients

CLIENTS = {
    "public": make_client(),
    "confidential": make_client(
        method=ClientAuthenticationMethod.CLIENT_SECRET_BASIC, secret="cs_1", scope="mcp:read mcp:write"
    ),
    "pre-registered, without refresh": make_client(
        registration=Registration.PREREGISTERED, grant_types=frozenset({GrantType.AUTHORIZATION_CODE})
    ),
    "with several redirect URIs": make_client(
        redirect_uris=("https://app.example/cb?a=1&b=%20", "http://127.0.0.1/cb", "com.example.app:/cb")
    ),
    "without a name": replace(make_client(), name=None),
    "with a name in any script": replace(make_client(), name='Ünï ☃ "O\'Hara" \\ 名前; --'),
    "expiring": replace(make_client(), created_at=PRECISE, expires_at=PRECISE + timedelta(hours=24)),
}


async def test_every_client_comes_back_as_it_was_put(store: Store) -> None:
    put = {what: replace(client, client_id=ClientId(what)) for what, client in CLIENTS.items()}
    for client in put.values():
        await store.clients.put(client)
    assert {what: await store.clients.get(ClientId(what)) for what in put} == put


async def test_client_that_is_put_again_is_replaced_by_whatever_it_is_now(store: Store) -> None:
    for client in CLIENTS.values():
        await store.clients.put(client)
        assert await store.clients.get(CLIENT) == client


async def test_client_ids_differ_by_a_letter_s_case(store: Store) -> None:
    await store.clients.put(make_client())
    assert await store.clients.get(ClientId("Client_1")) is None


async def test_new_secret_stands_beside_the_one_before_until_that_is_ended(store: Store) -> None:
    client = CLIENTS["confidential"]
    await store.clients.put(client)
    second, third = digest("cs_2"), digest("cs_3")
    await store.clients.rotate_secret(CLIENT, second)
    rotated = await store.clients.rotate_secret(CLIENT, third)
    assert rotated == replace(client, secret_digest=third, former_secret_digest=second)
    ended = await store.clients.end_former_secret(CLIENT)
    assert ended == await store.clients.get(CLIENT) == replace(client, secret_digest=third)


async def test_client_that_is_gone_is_not_brought_back_by_a_change(store: Store) -> None:
    assert await store.clients.rotate_secret(CLIENT, digest("cs_2")) is None
    assert await store.clients.end_former_secret(CLIENT) is None
    assert await store.clients.end(CLIENT, NOW, LATER) == []
    assert await store.clients.end(CLIENT, NOW, LATER, remove=True) == []
    assert not await store.clients.enable(CLIENT, NOW)
    assert await store.clients.newest(10) == []


# -- authorization requests

REQUESTS = {
    "waiting": make_request(),
    "without state": replace(make_request(), target=RedirectTarget("http://127.0.0.1:1/cb", None)),
    "with an empty state": replace(make_request(), target=RedirectTarget("http://127.0.0.1:1/cb", "")),
    "with any state": replace(make_request(), target=RedirectTarget("https://app.example/cb", " \n\t☃'\"\\%_")),
    "to the microsecond": replace(make_request(), expires_at=PRECISE),
    "under way": replace(make_request(), sealed_progress=bytes(range(256))),
}


async def test_every_authorization_request_comes_back_as_it_was_added(store: Store) -> None:
    await store.clients.put(make_client())
    added = {what: replace(request, digest=digest(what)) for what, request in REQUESTS.items()}
    for request in added.values():
        await store.requests.add(request)
    assert {what: await store.requests.get(digest(what)) for what in added} == added


# RFC 9126 §2.2, D-16: who is told to reload the page finds the link as good as it was.
async def test_pushed_request_is_used_up_with_the_request_that_it_becomes_and_not_before(store: Store) -> None:
    await store.clients.put(make_client())
    pushed, former = PushedRequest(digest("pr_1"), CLIENT, "scope=a", LATER), make_request("former")
    assert await store.requests.push(pushed)
    assert await store.requests.add(former)
    assert not await store.requests.add(former, pushed.digest)  # there is one of that digest
    assert await store.requests.get_pushed(pushed.digest, CLIENT, NOW) == pushed
    assert await store.requests.add(make_request("1"), pushed.digest)
    assert await store.requests.get_pushed(pushed.digest, CLIENT, NOW) is None
    assert not await store.requests.add(make_request("2"), pushed.digest)
    assert await store.requests.get(make_request("2").digest) is None


# D-17: what a row is about may be personal, and what failed is logged.
async def test_error_of_the_database_says_nothing_of_what_was_written_or_sought(database: OpenDatabase) -> None:
    sought = text("SELECT :who FROM nowhere").bindparams(who="ada@example.com")
    for ask in (database.read, database.write):
        with pytest.raises(exc.SQLAlchemyError) as failed:
            await ask(lambda connection: connection.execute(sought))
        assert "ada" not in str(failed.value)


async def test_progress_is_kept_and_forgotten(store: Store) -> None:
    await store.clients.put(make_client())
    waiting = make_request()
    await store.requests.add(waiting)
    await store.requests.keep_progress(waiting.digest, b"\0half way\xff")
    assert await store.requests.get(waiting.digest) == replace(waiting, sealed_progress=b"\0half way\xff")
    await store.requests.keep_progress(waiting.digest, None)
    assert await store.requests.get(waiting.digest) == waiting
    await store.requests.keep_progress(UNKNOWN, b"of nobody")
    assert await store.requests.get(UNKNOWN) is None


async def test_yes_adds_the_code_with_its_grant_and_the_client_is_in_use(store: Store) -> None:
    await store.clients.put(CLIENTS["expiring"])
    waiting, code = make_request(), named_code()
    await store.requests.add(waiting)
    answered = await store.requests.answer(waiting.digest, b"sealed \0", code, PRECISE)
    assert answered == replace(waiting, decided_at=PRECISE, sealed_answer=b"sealed \0")
    assert await store.requests.get(waiting.digest) == answered
    assert await store.grants.authorization_code(code.digest) == code
    assert await store.grants.get(code.grant.grant_id) == code.grant
    assert await store.clients.get(CLIENT) == replace(CLIENTS["expiring"], expires_at=None)


async def test_no_adds_nothing_and_leaves_the_registration_to_expire(store: Store) -> None:
    await store.clients.put(CLIENTS["expiring"])
    waiting = make_request()
    await store.requests.add(waiting)
    answered = await store.requests.answer(waiting.digest, b"denied", None, NOW)
    assert answered == replace(waiting, decided_at=NOW, sealed_answer=b"denied")
    assert await store.clients.get(CLIENT) == CLIENTS["expiring"]
    assert await store.grants.authorization_code(named_code().digest) is None


@pytest.mark.parametrize("first_code", [named_code("first"), None], ids=["after yes", "after no"])
async def test_request_is_answered_once(store: Store, first_code: AuthorizationCode | None) -> None:
    await store.clients.put(make_client())
    waiting = make_request()
    await store.requests.add(waiting)
    first = await store.requests.answer(waiting.digest, b"first", first_code, NOW)
    second = await store.requests.answer(waiting.digest, b"second", named_code("second"), LATER)
    assert second == first == replace(waiting, decided_at=NOW, sealed_answer=b"first")
    assert await store.grants.authorization_code(named_code("second").digest) is None
    assert await store.grants.get(GrantId("grant_second")) is None


async def test_answering_a_request_that_is_gone_adds_nothing(store: Store) -> None:
    await store.clients.put(make_client())
    assert await store.requests.answer(UNKNOWN, b"sealed", named_code(), NOW) is None
    assert await store.grants.authorization_code(named_code().digest) is None
    assert await store.grants.get(named_grant().grant_id) is None


async def test_answering_for_a_client_that_is_gone_adds_nothing_and_answers_nothing(store: Store) -> None:
    await store.clients.put(make_client())
    waiting = make_request()
    await store.requests.add(waiting)
    orphan = named_code(grant=replace(named_grant(), client_id=ClientId("gone")))
    assert await store.requests.answer(waiting.digest, b"sealed", orphan, NOW) is None
    assert await store.grants.authorization_code(orphan.digest) is None
    assert await store.grants.get(orphan.grant.grant_id) is None
    assert await store.requests.get(waiting.digest) == waiting


# The client was disabled after the page was shown; enabling it again must not bring this grant to life.
async def test_yes_for_a_client_that_is_disabled_adds_nothing_and_a_no_is_an_answer(store: Store) -> None:
    await store.clients.put(replace(make_client(), disabled_at=NOW))
    waiting = make_request()
    await store.requests.add(waiting)
    assert await store.requests.answer(waiting.digest, b"sealed", named_code(), NOW) is None
    assert await store.grants.get(named_grant().grant_id) is None
    assert await store.requests.get(waiting.digest) == waiting
    assert await store.requests.answer(waiting.digest, b"sealed", None, NOW) is not None


# -- codes


async def test_code_is_redeemed_once(store: Store) -> None:
    (code,) = await add_codes(store, "1")
    outcome = await redeem(store, code, fresh="rt_0", now=PRECISE)
    assert outcome == Issue(named_grant(), named_grant().scope, 0, "rt_0")
    assert await store.grants.authorization_code(digest(code)) == replace(named_code(), redeemed_at=PRECISE)
    assert await store.grants.of_refresh_token(digest("rt_0")) == named_grant()

    again = await redeem(store, code, fresh="rt_forked", now=LATER)
    assert refused(again) == ("invalid_grant", "code_replayed")
    assert isinstance(again, Refuse)
    assert again.revoke == named_grant()
    assert await store.grants.get(named_grant().grant_id) == named_grant()  # revoking is left to the caller
    assert await store.grants.authorization_code(digest(code)) == replace(named_code(), redeemed_at=PRECISE)
    assert await store.grants.of_refresh_token(digest("rt_forked")) is None


async def test_refused_redemption_leaves_the_code_as_it_was(store: Store) -> None:
    (code,) = await add_codes(store, "1")
    assert isinstance(await redeem(store, code, verifier="w" * 43, fresh="rt_forked"), Refuse)
    assert await store.grants.authorization_code(digest(code)) == named_code()
    assert await store.grants.of_refresh_token(digest("rt_forked")) is None
    assert issued(await redeem(store, code, fresh="rt_0")) == "rt_0"


async def test_client_that_does_not_refresh_gets_no_refresh_token(store: Store) -> None:
    await store.clients.put(CLIENTS["pre-registered, without refresh"])
    code = await add_code(store)
    assert await redeem(store, code, fresh="rt_0") == Issue(named_grant(), named_grant().scope, 0, None)
    assert await store.grants.of_refresh_token(digest("rt_0")) is None
    assert refused(await redeem(store, code)) == ("invalid_grant", "code_replayed")


async def test_decision_on_a_code_sees_the_client_that_asks_and_the_code_of_another(store: Store) -> None:
    (code,) = await add_codes(store, "1")
    other = make_client(client_id="client_2")
    await store.clients.put(other)
    seen: list[tuple[Client | None, AuthorizationCode | None]] = []
    refusal = Refuse(invalid_grant("Only looking.", CompoundReason("looked")))

    def look(client: Client | None, stored: AuthorizationCode | None) -> CodeDecision:
        seen.append((client, stored))
        return refusal

    for client_id, plain in ((CLIENT, code), ("client_2", code), ("nobody", code), (CLIENT, "ac_x"), ("nobody", "x")):
        assert await store.grants.redeem_code(ClientId(client_id), plain, look, NOW) == Refuse(
            invalid_grant("Only looking.", CompoundReason("looked"))
        )
    assert seen == [
        (make_client(), named_code()),
        (other, named_code()),
        (None, named_code()),
        (make_client(), None),
        (None, None),
    ]


# -- refresh tokens


async def test_refresh_supersedes_and_the_successor_can_be_found_again(store: Store) -> None:
    first = await add_refresh_token(store)
    outcome = await refresh(store, first, fresh="rt_next", now=PRECISE)
    assert outcome == Issue(named_grant(), named_grant().scope, 1, "rt_next")
    lifetime = SETTINGS.refresh_token_lifetime
    assert await stored_refresh_token(store, first) == make_refresh_token(
        first, expires_at=PRECISE + lifetime, superseded_at=PRECISE, sealed_successor=seal_under(first, "rt_next")
    )
    assert await stored_refresh_token(store, "rt_next") == make_refresh_token(
        "rt_next", generation=1, expires_at=PRECISE + lifetime
    )
    for token in (first, "rt_next"):
        assert await store.grants.of_refresh_token(digest(token)) == named_grant()

    retried = await refresh(store, first, fresh="rt_forked", now=LATER)
    assert retried == outcome
    assert await store.grants.of_refresh_token(digest("rt_forked")) is None


async def test_retry_follows_any_number_of_generations_to_the_head(store: Store) -> None:
    token = first = await add_refresh_token(store)
    for generation in range(1, 6):
        token = issued(await refresh(store, token, fresh=f"rt_next_{generation}"))
    assert await refresh(store, first, fresh="rt_forked") == Issue(named_grant(), named_grant().scope, 5, token)


async def test_successor_that_was_seen_or_used_tells_of_itself(store: Store) -> None:
    first = await add_refresh_token(store)
    await refresh(store, first, fresh="rt_next")
    await store.grants.mark_seen({Sighting(named_grant().grant_id, 0), Sighting(GrantId("unknown"), 1)}, NOW)
    stored = await stored_refresh_token(store, first)
    assert stored is not None
    assert not stored.successor_seen
    await store.grants.mark_seen([Sighting(named_grant().grant_id, 1)], NOW)
    assert await stored_refresh_token(store, first) == replace(stored, successor_seen=True)

    second = await add_refresh_token(store, "2")
    await refresh(store, second, fresh="rt_2_next")
    await refresh(store, "rt_2_next", fresh="rt_2_head")
    used = await stored_refresh_token(store, second)
    assert used is not None
    assert used.successor_seen
    await store.grants.mark_seen([], NOW)


async def test_unknown_tokens_lead_nowhere(store: Store) -> None:
    await add_refresh_token(store)
    assert refused(await refresh(store, "rt_x", fresh="rt_y")) == ("invalid_grant", "refresh_token_unknown")
    assert refused(await redeem(store, "ac_x")) == ("invalid_grant", "code_unknown")
    assert await stored_refresh_token(store, "rt_x") is None
    assert await store.grants.of_refresh_token(UNKNOWN) is None
    assert await store.grants.authorization_code(UNKNOWN) is None
    assert await store.grants.get(GrantId("grant_x")) is None
    assert await store.clients.get(ClientId("client_x")) is None
    assert await store.requests.get(UNKNOWN) is None
    assert await store.people.session(UNKNOWN) is None


# -- what ends grants


def revocation(
    kind: RevocationKind, value: str, at: datetime = PRECISE, expires_at: datetime = NOW + timedelta(hours=1)
) -> Revocation:
    return Revocation(kind, value, at, expires_at)


async def all_revocations(store: Store) -> list[Revocation]:
    return list(await store.revocations.recorded_after(datetime.min.replace(tzinfo=UTC), NOW))


async def test_grant_is_revoked_once_and_every_node_is_told_once(store: Store, other_store: Store) -> None:
    token = await add_refresh_token(store)
    await add_codes(store, "unused")
    news = revocation(RevocationKind.GRANT, "grant_1")
    await store.grants.revoke(GrantId("grant_1"), news)
    await store.grants.revoke(GrantId("grant_1"), replace(news, recorded_at=LATER))
    assert await other_store.grants.get(GrantId("grant_1")) == replace(named_grant(), revoked_at=PRECISE)
    assert await all_revocations(other_store) == [news]
    assert refused(await refresh(other_store, token, fresh="rt_x")) == ("invalid_grant", "grant_revoked")
    assert isinstance(await redeem(other_store, "ac_unused", fresh="rt_unused"), Issue)


async def test_code_of_a_revoked_grant_stays_unredeemed(store: Store) -> None:
    (code,) = await add_codes(store, "1")
    await store.grants.revoke(GrantId("grant_1"), revocation(RevocationKind.GRANT, "grant_1"))
    assert refused(await redeem(store, code)) == ("invalid_grant", "grant_revoked")
    stored = await store.grants.authorization_code(digest(code))
    assert stored is not None
    assert stored.redeemed_at is None


async def test_revoking_a_grant_that_is_gone_is_no_news(store: Store) -> None:
    await store.grants.revoke(GrantId("grant_x"), revocation(RevocationKind.GRANT, "grant_x"))
    assert await all_revocations(store) == []


async def test_client_is_disabled_with_all_its_grants_in_one_step_and_keeps_the_time(store: Store) -> None:
    await add_codes(store, "1", "2")
    assert set(await store.clients.end(CLIENT, PRECISE, LATER)) == {"grant_1", "grant_2"}
    assert await store.clients.get(CLIENT) == replace(make_client(), disabled_at=PRECISE)
    for name in "12":
        assert await store.grants.get(GrantId(f"grant_{name}")) == replace(named_grant(name), revoked_at=PRECISE)
    assert {each.value for each in await all_revocations(store)} == {"grant_1", "grant_2"}
    assert await store.clients.end(CLIENT, LATER, LATER) == []
    assert await store.clients.get(CLIENT) == replace(make_client(), disabled_at=PRECISE)


async def test_removed_client_goes_with_its_grants_and_leaves_the_news_of_them(store: Store) -> None:
    await add_codes(store, "1")
    assert await store.clients.end(CLIENT, PRECISE, LATER, remove=True) == ["grant_1"]
    assert await store.clients.get(CLIENT) is None
    assert await store.grants.get(GrantId("grant_1")) is None
    assert [each.value for each in await all_revocations(store)] == ["grant_1"]


def make_session(cookie: str = "session_1", subject: str = "subject_1") -> SignInSession:
    return SignInSession(digest(cookie), Subject(subject), "ada+☃@example.com", PRECISE, "aal2", LATER)


async def test_revoking_a_person_ends_all_their_grants_and_sessions_and_nobody_else_s(store: Store) -> None:
    await add_codes(store, "1", "2", "ended")
    await add_code(store, "bob", named_code("bob", named_grant("bob", "bob")))
    await store.people.sign_in(SignIn(make_session("a"), NOW))
    await store.people.sign_in(SignIn(make_session("b"), NOW))
    await store.people.sign_in(SignIn(make_session("bob", "bob"), NOW))
    earlier = revocation(RevocationKind.GRANT, "grant_ended", NOW)
    await store.grants.revoke(GrantId("grant_ended"), earlier)

    news = revocation(RevocationKind.SUBJECT, "subject_1")
    assert set(await store.grants.revoke_subject(Subject("subject_1"), news)) == {"grant_1", "grant_2"}
    for name, at in (("1", PRECISE), ("2", PRECISE), ("ended", NOW)):
        assert await store.grants.get(GrantId(f"grant_{name}")) == replace(named_grant(name), revoked_at=at)
    assert await store.grants.get(GrantId("grant_bob")) == named_grant("bob", "bob")
    assert [await store.people.session(digest(cookie)) for cookie in "ab"] == [None, None]
    assert await store.people.session(digest("bob")) == make_session("bob", "bob")
    assert await all_revocations(store) == [earlier, news]
    assert await store.grants.revoke_subject(Subject("subject_1"), news) == []


async def test_revocations_of_every_kind_come_back_until_they_are_read_or_expire(store: Store) -> None:
    every = [revocation(kind, f"of {kind}") for kind in RevocationKind]
    for each in every:
        await store.revocations.add(each)
    expired = revocation(RevocationKind.ACCESS_TOKEN, "expired", expires_at=NOW)
    await store.revocations.add(expired)
    microsecond = timedelta(microseconds=1)
    assert set(await store.revocations.recorded_after(PRECISE - microsecond, NOW)) == set(every)
    assert set(await store.revocations.recorded_after(PRECISE - microsecond, NOW - microsecond)) == {*every, expired}
    assert await store.revocations.recorded_after(PRECISE, NOW) == []


# -- sign-in sessions


async def test_sign_in_session_comes_back_until_it_is_removed(store: Store) -> None:
    await store.people.sign_in(SignIn(make_session(), NOW))
    await store.people.sign_in(SignIn(make_session("other"), NOW))
    assert await store.people.session(digest("session_1")) == make_session()
    await store.people.remove_session(digest("session_1"))
    await store.people.remove_session(digest("session_1"))
    assert await store.people.session(digest("session_1")) is None
    assert await store.people.session(digest("other")) == make_session("other")


async def test_sign_in_is_written_as_a_whole(store: Store) -> None:
    await store.clients.put(make_client())
    waiting = make_request()
    await store.requests.add(waiting)
    await store.people.sign_in(SignIn(make_session("former"), NOW))
    await store.attempts.count([digest("guesses")], NOW, timedelta(minutes=10))
    await store.requests.keep_progress(waiting.digest, b"half way")
    also: list[str] = []
    await store.people.sign_in(
        SignIn(
            make_session(),
            at=NOW,
            former_session=digest("former"),
            request=waiting.digest,
            attempts=[digest("guesses")],
            links=[("https://acme.okta.com", "00u1")],
            writes=[lambda connection: also.append(connection.dialect.name)],
        )
    )
    assert await store.people.session(digest("former")) is None
    assert await store.people.session(digest("session_1")) == make_session()
    assert await store.people.linked_subject("https://acme.okta.com", "00u1") == make_session().subject
    kept = await store.requests.get(waiting.digest)
    assert kept is not None
    assert kept.sealed_progress is None
    (count,) = await store.attempts.count([digest("guesses")], NOW, timedelta(minutes=10))
    assert (count.count, len(also)) == (1, 1)


async def test_sign_in_that_fails_in_one_part_is_written_in_none(store: Store) -> None:
    def fail(_: Connection) -> None:
        raise ZeroDivisionError

    await store.people.sign_in(SignIn(make_session("former"), NOW))
    with pytest.raises(ZeroDivisionError):
        await store.people.sign_in(SignIn(make_session(), NOW, former_session=digest("former"), writes=[fail]))
    assert await store.people.session(digest("former")) is not None
    assert await store.people.session(digest("session_1")) is None


# -- attempts


async def test_attempts_are_counted_by_key_within_a_window_that_begins_with_the_first(store: Store) -> None:
    ada, bob = digest("ada"), digest("bob")
    window, until = timedelta(minutes=10), NOW + timedelta(minutes=10)
    assert await store.attempts.count([ada], NOW, window) == [AttemptCount(1, until)]
    assert await store.attempts.count([bob, ada], LATER, window) == [
        AttemptCount(1, LATER + window),
        AttemptCount(2, until),
    ]
    assert await store.attempts.count([ada], until - timedelta(microseconds=1), window) == [AttemptCount(3, until)]
    assert await store.attempts.count([ada, bob], until, window) == [
        AttemptCount(1, until + window),
        AttemptCount(2, LATER + window),
    ]


async def test_forgotten_attempts_begin_anew(store: Store) -> None:
    ada, bob = digest("ada"), digest("bob")
    window = timedelta(minutes=10)
    await store.attempts.count([ada, bob], NOW, window)
    await store.attempts.forget(ada)
    await store.attempts.forget(UNKNOWN)
    assert [each.count for each in await store.attempts.count([ada, bob], LATER, window)] == [1, 2]


# -- signing keys


def make_key(number: int, kid: str) -> StoredSigningKey:
    return StoredSigningKey(number, kid, "ES256", '{"kty":"EC"}', bytes(range(256)), PRECISE, LATER)


async def test_signing_keys_come_back_oldest_first_and_a_number_is_given_once(store: Store) -> None:
    assert await store.signing_keys.all() == []
    assert await store.signing_keys.add(make_key(2, "second"))
    assert await store.signing_keys.add(make_key(1, "first"))
    assert not await store.signing_keys.add(make_key(2, "another node's"))
    assert not await store.signing_keys.add(make_key(3, "first"))
    assert await store.signing_keys.all() == [make_key(1, "first"), make_key(2, "second")]


# -- all of it


async def test_all_of_it_is_there_after_reopening(database_url: str) -> None:
    opened = await open_database(database_url)
    store = store_on(opened)
    token = await add_refresh_token(store)
    head = issued(await refresh(store, token, fresh="rt_head"))
    await store.people.sign_in(SignIn(make_session(), NOW))
    await store.signing_keys.add(make_key(1, "first"))
    news = revocation(RevocationKind.ACCESS_TOKEN, "0.jti")
    await store.revocations.add(news)
    await opened.close()

    opened = await open_database(database_url)
    store = store_on(opened)
    await store.upkeep.check()
    assert await store.clients.get(CLIENT) == make_client()
    assert await store.grants.authorization_code(named_code().digest) == replace(named_code(), redeemed_at=NOW)
    assert await store.people.session(digest("session_1")) == make_session()
    assert await store.signing_keys.all() == [make_key(1, "first")]
    assert await all_revocations(store) == [news]
    assert issued(await refresh(store, token, fresh="rt_forked")) == head
    assert issued(await refresh(store, head, fresh="rt_after")) == "rt_after"
    await opened.close()
