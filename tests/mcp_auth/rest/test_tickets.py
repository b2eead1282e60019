"""Tickets for streams, on both databases (SEED-15, F-14)."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from mcp_auth.rest.tickets import StreamTickets
from mcp_auth.users.tables import stream_tickets
from oauth.foundation.vocabulary import Subject
from oauth.stores.opening import OpenDatabase, open_database
from tests.support.clock import SettableClock

ADA = Subject("ada")
PATH = "/api/v1/events"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[OpenDatabase]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def tickets(database: OpenDatabase, clock: SettableClock) -> StreamTickets:
    return StreamTickets(database, clock, os.urandom)


async def test_ticket_is_good_once_for_its_person_at_its_path(tickets: StreamTickets) -> None:
    ticket = await tickets.issue(ADA, PATH)
    assert await tickets.redeem(ticket, f"{PATH}/other") is None
    assert await tickets.redeem(f"{ticket}x", PATH) is None
    assert await tickets.redeem(ticket, PATH) == ADA
    assert await tickets.redeem(ticket, PATH) is None


async def test_of_many_redemptions_at_once_one_wins(
    database: OpenDatabase, database_url: str, clock: SettableClock
) -> None:
    elsewhere = await open_database(database_url)
    nodes = [StreamTickets(each, clock, os.urandom) for each in (database, elsewhere)]
    ticket = await nodes[0].issue(ADA, PATH)
    found = await asyncio.gather(*(nodes[number % 2].redeem(ticket, PATH) for number in range(40)))
    await elsewhere.close()
    assert [subject for subject in found if subject is not None] == [ADA]


async def test_ticket_lives_thirty_seconds(tickets: StreamTickets, clock: SettableClock) -> None:
    ticket = await tickets.issue(ADA, PATH)
    late = await tickets.issue(ADA, PATH)
    clock.advance(seconds=29)
    assert await tickets.redeem(ticket, PATH) == ADA
    clock.advance(seconds=1)
    assert await tickets.redeem(late, PATH) is None


async def test_tickets_that_nobody_used_go_away(
    tickets: StreamTickets, database: OpenDatabase, clock: SettableClock
) -> None:
    for _ in range(5):
        await tickets.issue(ADA, PATH)
    clock.advance(seconds=31)
    await tickets.issue(ADA, PATH)
    rows = await database.read(lambda connection: connection.execute(select(stream_tickets)).all())
    assert len(rows) == 1


async def test_ticket_is_not_stored(tickets: StreamTickets, database: OpenDatabase) -> None:
    ticket = await tickets.issue(ADA, PATH)
    (row,) = await database.read(lambda connection: connection.execute(select(stream_tickets)).all())
    assert ticket.removeprefix("st_") not in str(tuple(row))
    assert len(row.digest) == 32
