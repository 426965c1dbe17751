"""Leases inside one process. Across replicas: `redis_leases`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.ports import Lease


@dataclass(frozen=True, slots=True)
class _Held:
    lease: Lease
    until: float


class MemoryLeases:
    """`ports.Leases` for a single server. ``clock`` gives seconds that only grow, as `time.monotonic`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._last_token = 0

    async def take(self, key: str, owner: str, ttl_s: float, *, steal: bool = False) -> Lease | None:
        """A fresh token even for the present owner, so that its older lease can no longer be renewed."""
        now = self._clock()
        held = self._live(key, now)
        if held is not None and held.lease.owner != owner and not steal:
            return None
        self._last_token += 1
        lease = Lease(key, self._last_token, owner)
        self._held[key] = _Held(lease, now + ttl_s)
        return lease

    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        now = self._clock()
        held = self._live(lease.key, now)
        if held is None or held.lease.token != lease.token:
            return False
        self._held[lease.key] = _Held(lease, now + ttl_s)
        return True

    async def release(self, lease: Lease) -> None:
        held = self._held.get(lease.key)
        if held is not None and held.lease.token == lease.token:
            del self._held[lease.key]

    async def count(self, prefix: str) -> int:
        now = self._clock()
        self._held = {key: held for key, held in self._held.items() if held.until > now}
        return sum(key.startswith(prefix) for key in self._held)

    async def aclose(self) -> None:
        self._held.clear()

    def _live(self, key: str, now: float) -> _Held | None:
        held = self._held.get(key)
        if held is not None and held.until <= now:
            del self._held[key]
            return None
        return held
