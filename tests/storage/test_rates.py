"""Requests are counted alike in this process and on Redis."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from storage import rates as memory
from storage.ports import Rates, StorageDown
from storage.rates import MemoryRates
from storage.redis_rates import RedisRates
from tests.fakes.homes import HOMES, PassTime, Run, runner

LONG_NAME = "user:" + "ä" * 5000 + "\n{}"


@pytest.fixture(params=HOMES)
def run(request: pytest.FixtureRequest) -> Run[Rates]:
    return runner(request, MemoryRates, RedisRates, "viva:rates:*")


def test_a_window_slides(run: Run[Rates]) -> None:
    async def work(rates: Rates, pass_time: PassTime) -> None:
        assert await rates.take("ada", 2, 60.0) == 0
        await pass_time(30)
        assert await rates.take("ada", 2, 60.0) == 0
        # What is refused is not counted: asking in vain does not lengthen the wait.
        for _ in range(3):
            assert await rates.take("ada", 2, 60.0) == pytest.approx(30, abs=5)
        assert await rates.take("bob", 2, 60.0) == 0
        await pass_time(31)
        assert await rates.take("ada", 2, 60.0) == 0
        assert await rates.take("ada", 2, 60.0) == pytest.approx(29, abs=5)

    run(work)


def test_keys_and_windows_are_apart(run: Run[Rates]) -> None:
    async def work(rates: Rates, pass_time: PassTime) -> None:
        for key in ("insights ada", "insights adam", LONG_NAME):
            assert await rates.take(key, 1, 60.0) == 0
            assert await rates.take(key, 1, 60.0) > 0
        await pass_time(3600)
        assert await rates.take(LONG_NAME, 1, 60.0) == 0

    run(work)


def test_many_at_once_are_counted_one_by_one(run: Run[Rates]) -> None:
    async def work(rates: Rates, pass_time: PassTime) -> None:
        waits = await asyncio.gather(*(rates.take("ada", 5, 60.0) for _ in range(40)))
        assert sorted(waits)[:5] == [0] * 5
        assert all(wait > 0 for wait in sorted(waits)[5:])

    run(work)


@pytest.mark.redis
def test_replicas_count_together_and_nothing_stays_behind(redis_url: str) -> None:
    async def main() -> None:
        clients = [Redis.from_url(redis_url) for _ in range(2)]
        first, second = map(RedisRates, clients)
        assert await first.take("user:ada@example.org", 1, 60.0) == 0
        assert await second.take("user:ada@example.org", 1, 60.0) > 0
        (key,) = await clients[0].keys("*")
        assert b"ada" not in key, "names are not kept"
        assert 0 < await clients[0].pttl(key) <= 60_000
        await first.aclose()
        await second.aclose()

    asyncio.run(main())


def test_a_dead_redis_is_reported() -> None:
    async def main() -> None:
        rates = RedisRates(Redis(host="127.0.0.1", port=1))
        with pytest.raises(StorageDown, match="VIVA_REDIS_URL"):
            await rates.take("ada", 1, 60.0)
        await rates.aclose()

    asyncio.run(main())


def test_who_was_longest_away_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_KEYS", 2)

    async def main() -> None:
        rates = MemoryRates(lambda: 0.0)
        for key in ("ada", "bob", "cyd"):
            await rates.take(key, 1, 60.0)
        assert await rates.take("cyd", 1, 60.0) > 0
        assert await rates.take("ada", 1, 60.0) == 0

    asyncio.run(main())
