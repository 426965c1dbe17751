"""Counting requests inside one process. Across replicas: `redis_rates`."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

MAX_KEYS: Final = 10_000
"""Who has not asked for longest is forgotten beyond this, so that memory stays bounded."""


class MemoryRates:
    """`ports.Rates` for a single server. ``clock`` gives seconds that only grow, as `time.monotonic`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    async def take(self, key: str, times: int, window_s: float) -> float:
        now = self._clock()
        asked = self._asked.setdefault(key, deque())
        self._asked.move_to_end(key)
        while asked and asked[0] <= now - window_s:
            asked.popleft()
        if len(asked) >= times:
            return asked[0] + window_s - now
        asked.append(now)
        if len(self._asked) > MAX_KEYS:
            self._asked.popitem(last=False)
        return 0.0

    async def aclose(self) -> None:
        self._asked.clear()
