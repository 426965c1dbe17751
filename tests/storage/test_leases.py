"""One contract, two implementations. ``pass_time`` lets leases run out without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest
from redis.asyncio import Redis

from storage.leases import MemoryLeases
from storage.ports import Leases, StorageDown
from storage.redis_leases import RedisLeases

TTL = 30.0


class PassTime(Protocol):
    def __call__(self, seconds: float) -> Awaitable[None]: ...


Work = Callable[[Leases, PassTime], Awaitable[None]]
Run = Callable[[Work], None]


def in_memory(work: Work) -> None:
    now = [1000.0]

    async def pass_time(seconds: float) -> None:
        now[0] += seconds

    async def main() -> None:
        leases = MemoryLeases(lambda: now[0])
        await work(leases, pass_time)
        await leases.aclose()

    asyncio.run(main())


def on_redis(url: str, work: Work) -> None:
    async def main() -> None:
        client = Redis.from_url(url, decode_responses=True)
        leases = RedisLeases(client)

        async def pass_time(seconds: float) -> None:
            # Expiry is a number in a sorted set: moving all of them back is time going on.
            for key in map(str, await client.zrange("{viva:leases}:until", 0, -1)):
                await client.zincrby("{viva:leases}:until", -seconds * 1000, key)

        await work(leases, pass_time)
        await leases.aclose()

    asyncio.run(main())


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def run(request: pytest.FixtureRequest) -> Run:
    if request.param == "memory":
        return in_memory
    url: str = request.getfixturevalue("redis_url")
    return lambda work: on_redis(url, work)


def test_one_owner_at_a_time(run: Run) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        lease = await leases.take("call:1", "a 1", TTL)
        assert lease is not None
        assert (lease.key, lease.owner) == ("call:1", "a 1")
        assert await leases.take("call:1", "b", TTL) is None
        assert await leases.take("call:2", "b", TTL) is not None
        await leases.release(lease)
        assert await leases.take("call:1", "b", TTL) is not None

    run(work)


def test_tokens_grow_with_every_owner(run: Run) -> None:
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


def test_a_stolen_lease_is_neither_renewed_nor_released(run: Run) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        old = await leases.take("call:1", "a", TTL)
        new = await leases.take("call:1", "b", TTL, steal=True)
        assert old is not None
        assert new is not None
        assert not await leases.renew(old, TTL)
        await leases.release(old)
        assert await leases.renew(new, TTL)

    run(work)


def test_the_same_owner_again_makes_its_older_lease_void(run: Run) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        old = await leases.take("call:1", "a", TTL)
        new = await leases.take("call:1", "a", TTL)
        assert old is not None
        assert new is not None
        assert not await leases.renew(old, TTL)
        assert await leases.renew(new, TTL)

    run(work)


def test_a_lease_lives_as_long_as_it_is_renewed(run: Run) -> None:
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


def test_live_leases_are_counted_by_prefix(run: Run) -> None:
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


def test_only_one_of_many_takers_wins(run: Run) -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        taken = await asyncio.gather(*(leases.take("call:1", f"owner {n}", TTL) for n in range(20)))
        assert sum(lease is not None for lease in taken) == 1

    run(work)


def test_no_redis_is_storage_down() -> None:
    async def work(leases: Leases, pass_time: PassTime) -> None:
        with pytest.raises(StorageDown, match="VIVA_REDIS_URL"):
            await leases.take("call:1", "a", TTL)

    on_redis("redis://127.0.0.1:1/0", work)
