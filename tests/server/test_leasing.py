"""Holding a lease in virtual time: kept, lost, and a store that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.leasing import TTL_S, keeping
from storage.leases import MemoryLeases
from storage.ports import Lease, StorageDown
from tests import virtual_loop


class Away(MemoryLeases):
    """A store that cannot be reached between two times."""

    def __init__(self, clock: Callable[[], float], since: float, until: float) -> None:
        super().__init__(clock)
        self._now, self._since, self._until = clock, since, until

    def _reach(self) -> None:
        if self._since <= self._now() < self._until:
            raise StorageDown("away")

    async def take(self, key: str, owner: str, ttl_s: float, *, steal: bool = False) -> Lease | None:
        self._reach()
        return await super().take(key, owner, ttl_s, steal=steal)

    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        self._reach()
        return await super().renew(lease, ttl_s)

    async def release(self, lease: Lease) -> None:
        self._reach()
        await super().release(lease)


def hold(
    seconds: float, since: float = 0.0, until: float = 0.0, steal_at: float | None = None
) -> tuple[list[float], str | None]:
    """When the lease was lost, and who holds the key right after the block."""

    async def main() -> tuple[list[float], str | None]:
        loop = asyncio.get_running_loop()
        leases = Away(loop.time, since, until)
        lost: list[float] = []
        async with keeping(leases, "call:1", "a", lambda: lost.append(loop.time())):
            if steal_at is not None:
                await asyncio.sleep(steal_at)
                await leases.take("call:1", "b", TTL_S, steal=True)
                await asyncio.sleep(seconds - steal_at)
            else:
                await asyncio.sleep(seconds)
        await asyncio.sleep(max(0.0, until - loop.time()))
        taken = await leases.take("call:1", "c", TTL_S)
        return lost, "c" if taken is not None else "somebody else"

    return virtual_loop.run(main())


def test_a_lease_outlives_its_time_to_live_and_is_given_back() -> None:
    assert hold(10 * TTL_S) == ([], "c")


def test_a_lease_that_was_taken_is_noticed_within_a_third_of_its_time() -> None:
    lost, holder = hold(TTL_S, steal_at=1.0)
    assert lost == [TTL_S / 3]
    assert holder == "somebody else", "the one who took it keeps it"


def test_a_store_that_is_away_ends_no_call() -> None:
    assert hold(4 * TTL_S, since=0.0, until=2 * TTL_S) == ([], "c"), "from the beginning"
    assert hold(4 * TTL_S, since=1.0, until=TTL_S / 2) == ([], "c"), "for a while"
    assert hold(TTL_S, since=1.0, until=TTL_S + 1.0)[0] == [], "at the end"
