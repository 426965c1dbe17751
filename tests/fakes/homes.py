"""One contract, two homes: what is kept in this process, and what replicas share on Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import pytest
from redis.asyncio import Redis


class Kept(Protocol):
    async def aclose(self) -> None: ...


K = TypeVar("K", bound=Kept)
PassTime = Callable[[float], Awaitable[None]]
"""Lets so many seconds go by without waiting."""
Work = Callable[[K, PassTime], Awaitable[None]]
Run = Callable[[Work[K]], None]
HOMES: Final = ("memory", pytest.param("redis", marks=pytest.mark.redis))
"""What a fixture that gives `runner` is parametrised with."""


def runner(
    request: pytest.FixtureRequest,
    in_process: Callable[[Callable[[], float]], K],
    on_redis: Callable[[Redis], K],
    instants: str,
) -> Run[K]:
    """Runs a test's work at the home that ``request`` names. ``in_process`` is made with a clock."""
    if request.param == "memory":
        return lambda work: run_in_process(in_process, work)
    url: str = request.getfixturevalue("redis_url")
    return lambda work: run_on_redis(url, on_redis, instants, work)


def run_in_process(make: Callable[[Callable[[], float]], K], work: Work[K]) -> None:
    now = [1000.0]

    async def pass_time(seconds: float) -> None:
        now[0] += seconds

    asyncio.run(_use(make(lambda: now[0]), work, pass_time))


def run_on_redis(url: str, make: Callable[[Redis], K], instants: str, work: Work[K]) -> None:
    """``instants``: a pattern for the sorted sets whose scores are instants in milliseconds."""

    async def main() -> None:
        client = Redis.from_url(url, decode_responses=True)

        async def pass_time(seconds: float) -> None:
            # Moving all instants back is time going on.
            for key in await client.keys(instants):
                for member in map(str, await client.zrange(key, 0, -1)):
                    await client.zincrby(key, -seconds * 1000, member)

        await _use(make(client), work, pass_time)

    asyncio.run(main())


async def _use(kept: K, work: Work[K], pass_time: PassTime) -> None:
    await work(kept, pass_time)
    await kept.aclose()
