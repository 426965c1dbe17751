from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from server.limits import RateLimit
from server.problems import Problem
from storage.ports import StorageDown
from storage.rates import MemoryRates


class Away:
    """Rates whose store cannot be reached, until it is ``back``."""

    def __init__(self) -> None:
        self.back = False
        self.rates = MemoryRates(lambda: 0.0)

    async def take(self, key: str, times: int, window_s: float) -> float:
        if not self.back:
            raise StorageDown("Redis did not answer")
        return await self.rates.take(key, times, window_s)

    async def aclose(self) -> None:
        """Nothing to close."""


async def refused(limit: RateLimit, key: str) -> str:
    with pytest.raises(Problem) as caught:
        await limit.take(key)
    assert (caught.value.status, caught.value.code) == (429, "too_many_requests")
    return caught.value.headers["Retry-After"]


def test_enough_is_said_with_when_to_come_back() -> None:
    async def main() -> None:
        now = [100.0]
        limit = RateLimit(1, 60.0, MemoryRates(lambda: now[0]), MemoryRates(lambda: now[0]))
        await limit.take("ada")
        now[0] += 29.5
        assert await refused(limit, "ada") == "31"
        now[0] += 30.4
        assert await refused(limit, "ada") == "1"
        now[0] += 0.2
        await limit.take("ada")

    asyncio.run(main())


def test_while_the_store_is_away_this_process_counts() -> None:
    async def main() -> None:
        away = Away()
        limit = RateLimit(1, 60.0, away, MemoryRates(lambda: 0.0))
        with capture_logs() as logs:
            await limit.take("ada")
            await refused(limit, "ada")
        assert [line["event"] for line in logs] == ["requests are counted in this process only"] * 2
        assert "ada" not in str(logs)
        away.back = True
        await limit.take("ada")
        await refused(limit, "ada")

    asyncio.run(main())
