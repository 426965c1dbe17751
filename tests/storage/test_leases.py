"""Leases behave alike in this process and on Redis."""

from __future__ import annotations

import asyncio

import pytest

from storage.leases import MemoryLeases
from storage.ports import Leases, StorageDown
from storage.redis_leases import RedisLeases
from tests.fakes.homes import HOMES, PassTime, Run, run_on_redis, runner

TTL = 30.0
INSTANTS = "{viva:leases}:until"


@pytest.fixture(params=HOMES)
def run(request: pytest.FixtureRequest) -> Run[Leases]:
    return runner(request, MemoryLeases, RedisLeases, INSTANTS)


def test_one_owner_at_a_time(run: Run[Leases]) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        lease = await leases.take("call:1", "a 1", TTL)
        assert lease is not None
        assert (lease.key, lease.owner) == ("call:1", "a 1")
        assert await leases.take("call:1", "b", TTL) is None
        assert await leases.take("call:2", "b", TTL) is not None
        await leases.release(lease)
        assert await leases.take("call:1", "b", TTL) is not None

    run(work)


def test_tokens_grow_with_every_owner(run: Run[Leases]) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        tokens = []
        for owner in ("a", "b", "b", "c"):
            lease = await leases.take("call:1", owner, TTL, steal=True)
            assert lease is not None
            tokens.append(lease.token)
        await pass_time(TTL + 1)
        late = await leases.take("call:1", "a", TTL)
        assert late is not None
        assert sorted({*tokens, late.token}) == [*tokens, late.token]

    run(work)


def test_a_stolen_lease_is_neither_renewed_nor_released(run: Run[Leases]) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        old = await leases.take("call:1", "a", TTL)
        new = await leases.take("call:1", "b", TTL, steal=True)
        assert old is not None
        assert new is not None
        assert not await leases.renew(old, TTL)
        await leases.release(old)
        assert await leases.renew(new, TTL)

    run(work)


def test_the_same_owner_again_makes_its_older_lease_void(run: Run[Leases]) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        old = await leases.take("call:1", "a", TTL)
        new = await leases.take("call:1", "a", TTL)
        assert old is not None
        assert new is not None
        assert not await leases.renew(old, TTL)
        assert await leases.renew(new, TTL)

    run(work)


def test_a_lease_lives_as_long_as_it_is_renewed(run: Run[Leases]) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        lease = await leases.take("call:1", "a", TTL)
        assert lease is not None
        await pass_time(TTL - 5)
        assert await leases.renew(lease, TTL)
        await pass_time(TTL - 5)
        assert await leases.take("call:1", "b", TTL) is None
        await pass_time(6)
        assert not await leases.renew(lease, TTL)
        assert await leases.take("call:1", "b", TTL) is not None

    run(work)


def test_live_leases_are_counted_by_prefix(run: Run[Leases]) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        await leases.take("call:1", "a", TTL)
        await leases.take("call:2", "a", TTL * 3)
        await leases.take("call*", "a", TTL)
        await leases.take("job:1", "a", TTL)
        assert [await leases.count(prefix) for prefix in ("call:", "call*", "job:", "", "x")] == [
            2,
            1,
            1,
            4,
            0,
        ]
        await pass_time(TTL + 1)
        assert await leases.count("") == 1

    run(work)


def test_only_one_of_many_takers_wins(run: Run[Leases]) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        taken = await asyncio.gather(*(leases.take("call:1", f"owner {n}", TTL) for n in range(20)))
        assert sum(lease is not None for lease in taken) == 1

    run(work)


def test_no_redis_is_storage_down() -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        with pytest.raises(StorageDown, match="VIVA_REDIS_URL"):
            await leases.take("call:1", "a", TTL)

    run_on_redis("redis://127.0.0.1:1/0", RedisLeases, INSTANTS, work)
