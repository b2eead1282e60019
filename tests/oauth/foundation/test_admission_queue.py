"""A queue in which few are served at a time, and not everybody may wait."""

import asyncio

import pytest

from oauth.foundation.admission_queue import AdmissionQueue, TooManyWaiting
from oauth.foundation.outages import Outage


async def test_at_most_so_many_are_served_at_once_and_in_the_order_of_arrival() -> None:
    queue, being_served, most, served = AdmissionQueue("a test", at_once=2, most=10), 0, 0, []

    async def come(number: int) -> None:
        nonlocal being_served, most
        async with queue.turn():
            being_served += 1
            most = max(most, being_served)
            served.append(number)
            await asyncio.sleep(0)
            being_served -= 1

    await asyncio.gather(*map(come, range(10)))
    assert most == 2
    assert served == list(range(10))


# D-16
async def test_whoever_finds_the_queue_full_is_told_to_come_back() -> None:
    queue = AdmissionQueue("a test", at_once=1, most=2)
    async with queue.turn():
        waiting = asyncio.create_task(_come(queue))
        await asyncio.sleep(0)
        with pytest.raises(TooManyWaiting, match="too many are waiting for a test"):
            await _come(queue)
    await waiting
    assert issubclass(TooManyWaiting, Outage)


async def test_whoever_fails_or_goes_away_leaves_a_place() -> None:
    queue = AdmissionQueue("a test", at_once=1, most=2)
    with pytest.raises(ZeroDivisionError):
        async with queue.turn():
            raise ZeroDivisionError
    async with queue.turn():
        impatient = asyncio.create_task(_come(queue))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        waiting = asyncio.create_task(_come(queue))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def _come(queue: AdmissionQueue) -> None:
    async with queue.turn():
        await asyncio.sleep(0)
