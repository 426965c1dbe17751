from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from storage.job_deliveries import Deliveries, Room
from storage.jobs import PostgresJobs, score_job
from tests.storage.samples import Stores, with_stores


async def settle() -> None:
    """Let every task run until all of them wait."""
    for _ in range(10):
        await asyncio.sleep(0)


class Guest:
    """Somebody in the room, until told to leave."""

    def __init__(self, room: Room, alone: bool) -> None:
        self.inside, self.leave = False, asyncio.Event()
        self.task = asyncio.create_task(self._visit(room, alone))

    async def _visit(self, room: Room, alone: bool) -> None:
        async with room.alone() if alone else room.among_others():
            self.inside = True
            await self.leave.wait()
        self.inside = False


def test_who_is_alone_waits_for_all_and_is_waited_for() -> None:
    async def act() -> None:
        room = Room()
        first, second = Guest(room, alone=False), Guest(room, alone=False)
        await settle()
        loner, rival = Guest(room, alone=True), Guest(room, alone=True)
        await settle()
        late = Guest(room, alone=False)
        guests = [first, second, loner, rival, late]

        async def seen() -> list[bool]:
            await settle()
            return [guest.inside for guest in guests]

        assert await seen() == [True, True, False, False, False]
        first.leave.set()
        assert await seen() == [False, True, False, False, False]
        second.leave.set()
        assert await seen() == [False, False, True, False, False]
        loner.leave.set()
        assert await seen() == [False, False, False, True, False]
        rival.leave.set()
        assert await seen() == [False, False, False, False, True]
        late.leave.set()
        assert await seen() == [False] * 5
        await asyncio.gather(*(guest.task for guest in guests))

    asyncio.run(act())


def test_a_loner_who_gives_up_lets_the_others_in() -> None:
    async def act() -> None:
        room = Room()
        first = Guest(room, alone=False)
        await settle()
        loner, late = Guest(room, alone=True), Guest(room, alone=False)
        await settle()
        assert [guest.inside for guest in (first, loner, late)] == [True, False, False]
        loner.task.cancel()
        await settle()
        assert [guest.inside for guest in (first, loner, late)] == [True, False, True]
        first.leave.set()
        late.leave.set()
        await asyncio.wait([first.task, loner.task, late.task])

    asyncio.run(act())


@pytest.mark.postgres
def test_only_a_delivery_without_an_end_counts(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        jobs = PostgresJobs(stores.pool)
        await jobs.add(score_job("c", "q1", "d"))
        (job,) = await jobs.listing()
        deliveries = Deliveries(stores.pool)

        async def fail() -> int:
            found = -1
            with pytest.raises(KeyError):
                async with deliveries.begun(job.id) as found:
                    dict[int, int]()[found]
            return found

        async def die(worker: AsyncExitStack) -> int:
            return await worker.enter_async_context(Deliveries(stores.pool).begun(job.id))

        assert [await fail(), await fail()] == [0, 0]
        async with deliveries.begun(job.id) as found:
            assert found == 0
        # One that has only failed is not suspected: others go on beside it.
        await jobs.add(score_job("c", "q2", "d"))
        other = (await jobs.listing())[1]
        async with deliveries.begun(job.id), deliveries.begun(other.id) as found:
            assert found == 0
        # A worker that dies is one whose block does not end while others go on.
        async with AsyncExitStack() as never:
            assert [await die(never) for _ in range(3)] == [0, 1, 2]
            assert [await fail(), await fail()] == [3, 3]
        assert await fail() == 0
        await stores.pool.execute("DELETE FROM pgqueuer")
        assert await stores.pool.fetchval("SELECT count(*) FROM job_deliveries") == 0

    with_stores(dsn, work, seeded=False)
