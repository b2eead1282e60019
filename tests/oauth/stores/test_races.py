"""Of any number of claims at once one wins, over nodes and processes, on both databases (D-7, D-8)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import GrantId
from oauth.protocol.grant_types.decision import Issue, Refuse
from oauth.protocol.models import Revocation, RevocationKind
from oauth.stores.opening import OpenDatabase, open_database, store_on
from oauth.stores.ports import Sighting, Store, StoredSigningKey
from oauth.stores.sql.tables import authorization_codes, refresh_tokens
from tests.oauth.stores.node import running_node
from tests.oauth.stores.tokens import (
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
from tests.support.builders import NOW, make_client, refused

AT_ONCE = 50


@pytest.fixture
def stores(store: Store, other_store: Store) -> Sequence[Store]:
    """50 callers, every other one at another node."""
    return [store, other_store] * (AT_ONCE // 2)


async def family(database: OpenDatabase, name: str = "1") -> list[bool]:
    """The refresh tokens of a grant by generation: is each superseded?"""
    query = (
        select(refresh_tokens.c.superseded_at)
        .where(refresh_tokens.c.grant_id == f"grant_{name}")
        .order_by(refresh_tokens.c.generation)
    )

    def read(connection: Connection) -> list[bool]:
        return [row[0] is not None for row in connection.execute(query)]

    return await database.read(read)


async def test_one_code_redeemed_at_once_through_two_stores_is_issued_for_once(
    database: OpenDatabase, stores: Sequence[Store]
) -> None:
    (code,) = await add_codes(stores[0], "1")
    outcomes = await asyncio.gather(*(redeem(each, code, fresh=f"rt_{n}") for n, each in enumerate(stores)))
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Issue)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, Refuse)]
    assert Counter(map(refused, losers)) == {("invalid_grant", "code_replayed"): AT_ONCE - 1}
    assert {loser.revoke for loser in losers} == {None}  # D-7: a race revokes nothing
    assert await family(database) == [False]
    assert await stored_refresh_token(stores[1], issued(winner)) is not None


async def test_one_refresh_token_used_at_once_through_two_stores_has_one_successor(
    database: OpenDatabase, stores: Sequence[Store]
) -> None:
    token = await add_refresh_token(stores[0])
    outcomes = await asyncio.gather(*(refresh(each, token, fresh=f"rt_n{n}") for n, each in enumerate(stores)))
    (head,) = {issued(outcome) for outcome in outcomes}
    assert await family(database) == [True, False]
    assert issued(await refresh(stores[1], head, fresh="rt_next")) == "rt_next"


async def test_every_generation_used_at_once_leads_to_one_head(database: OpenDatabase, stores: Sequence[Store]) -> None:
    tokens = [await add_refresh_token(stores[0])]
    for generation in range(4):
        tokens.append(issued(await refresh(stores[0], tokens[-1], fresh=f"rt_{generation}_next")))
    asked = enumerate(zip(stores, tokens * 10, strict=True))
    outcomes = await asyncio.gather(*(refresh(each, token, fresh=f"rt_n{n}") for n, (each, token) in asked))
    # Whoever came before the head was used got that one, and all others its successor.
    heads = {issued(outcome) for outcome in outcomes} - {tokens[-1]}
    assert len(heads) == 1
    assert await family(database) == [True] * 5 + [False]


async def test_many_codes_redeemed_at_once_all_win(stores: Sequence[Store]) -> None:
    names = [str(number) for number in range(AT_ONCE)]
    codes = await add_codes(stores[0], *names)
    calls = (redeem(each, code, fresh=f"rt_{name}") for each, code, name in zip(stores, codes, names, strict=True))
    assert [issued(outcome) for outcome in await asyncio.gather(*calls)] == [f"rt_{name}" for name in names]


def test_one_code_and_one_refresh_token_in_two_processes(database_url: str) -> None:
    async def prepare() -> str:
        database = await open_database(database_url)
        (code,) = await add_codes(store_on(database), "1")
        await database.close()
        return code

    async def look() -> list[bool]:
        database = await open_database(database_url)
        found = await family(database)
        await database.close()
        return found

    code = asyncio.run(prepare())
    with running_node(database_url) as one, running_node(database_url) as other:
        assert (one.hear(), other.hear()) == ("ready", "ready")
        for node in (one, other):
            node.tell("redeem", code, AT_ONCE // 2)
        redeemed = Counter([*one.hear(), *other.hear()])
        assert redeemed.pop("code_replayed") == AT_ONCE - 1
        ((token, times),) = redeemed.items()
        assert times == 1
        for node in (one, other):
            node.tell("refresh", token, AT_ONCE // 2)
        (head,) = {*one.hear(), *other.hear()}
        assert head not in {token, "refresh_token_replayed"}
        assert asyncio.run(look()) == [True, False]
        other.tell("refresh", head)
        assert other.hear() != [head]
        assert asyncio.run(look()) == [True, True, False]


async def test_one_request_answered_at_once_has_one_answer_and_one_code(
    database: OpenDatabase, stores: Sequence[Store]
) -> None:
    await stores[0].clients.put(make_client())
    waiting = make_request()
    await stores[0].requests.add(waiting)
    answers = await asyncio.gather(
        *(
            each.requests.answer(waiting.digest, str(n).encode(), named_code(str(n)), NOW)
            for n, each in enumerate(stores)
        )
    )
    (answer,) = set(answers)
    assert answer is not None
    assert answer.sealed_answer is not None

    def codes(connection: Connection) -> list[bytes]:
        return list(connection.execute(select(authorization_codes.c.digest)).scalars())

    assert await database.read(codes) == [named_code(answer.sealed_answer.decode()).digest]


async def test_grant_revoked_at_once_is_news_once(stores: Sequence[Store]) -> None:
    await add_refresh_token(stores[0])
    news = [
        Revocation(RevocationKind.GRANT, "grant_1", NOW + timedelta(seconds=n), NOW + timedelta(hours=1))
        for n in range(AT_ONCE)
    ]
    await asyncio.gather(*(s.grants.revoke(GrantId("grant_1"), n) for s, n in zip(stores, news, strict=True)))
    (told,) = await stores[0].revocations.recorded_after(NOW - timedelta(seconds=1), NOW)
    assert await stores[1].grants.get(GrantId("grant_1")) == replace(named_grant(), revoked_at=told.recorded_at)


async def test_client_put_at_once_by_every_node_is_one_client(stores: Sequence[Store]) -> None:
    clients = [replace(make_client(), name=f"App {n}") for n in range(AT_ONCE)]
    await asyncio.gather(*(each.clients.put(client) for each, client in zip(stores, clients, strict=True)))
    assert await stores[0].clients.get(make_client().client_id) in clients


async def test_signing_key_of_one_number_is_added_by_one_node(stores: Sequence[Store]) -> None:
    keys = [StoredSigningKey(1, f"kid_{n}", "ES256", "{}", b"sealed", NOW, NOW) for n in range(AT_ONCE)]
    added = await asyncio.gather(*(each.signing_keys.add(key) for each, key in zip(stores, keys, strict=True)))
    assert await stores[0].signing_keys.all() == [keys[added.index(True)]]
    assert Counter(added) == {True: 1, False: AT_ONCE - 1}


# F-13
async def test_attempts_counted_at_once_are_all_counted(stores: Sequence[Store]) -> None:
    ada, address = digest("ada"), digest("192.0.2.1")
    window = timedelta(minutes=10)
    orders = [[ada, address], [address, ada]] * (AT_ONCE // 2)
    counted = await asyncio.gather(
        *(each.attempts.count(keys, NOW, window) for each, keys in zip(stores, orders, strict=True))
    )
    for keys in zip(*([a.count for a in each] for each in counted), strict=True):
        assert sorted(keys) == list(range(1, AT_ONCE + 1))


async def test_sightings_noted_by_two_nodes_in_opposite_orders_do_not_wait_for_each_other(
    store: Store, other_store: Store
) -> None:
    names = [str(number) for number in range(AT_ONCE)]
    for code in await add_codes(store, *names):
        await redeem(store, code, fresh=code.replace("ac_", "rt_"))
        await refresh(store, code.replace("ac_", "rt_"), fresh=code.replace("ac_", "rt_next_"))
    seen = [Sighting(GrantId(f"grant_{name}"), 1) for name in names]
    await asyncio.gather(store.grants.mark_seen(seen, NOW), other_store.grants.mark_seen(seen[::-1], NOW))
    for name in names:
        token = await stored_refresh_token(store, f"rt_{name}")
        assert token is not None
        assert token.successor_seen
