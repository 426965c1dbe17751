"""How late the event loop runs, and whether it has room for another call.

One slow call makes all others stutter, since they share the loop. So a new call is refused while the loop is
late, and the live ones stay good.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

EVERY_S: Final = 0.25
REMEMBERED: Final = 20
"""Readings that count: five seconds. The median of them, since a single hitch is no overload."""


@dataclass(slots=True)
class LoopLag:
    """Readings of one loop, in seconds. ``limit_s``: above it no new call is taken."""

    limit_s: float
    on_reading: Callable[[float], None] = lambda _: None
    _readings: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note(self, late_s: float) -> None:
        self._readings.append(max(late_s, 0.0))
        self.on_reading(self._readings[-1])

    @property
    def usual_s(self) -> float:
        return median(self._readings) if self._readings else 0.0

    def overloaded(self) -> bool:
        return len(self._readings) == REMEMBERED and self.usual_s > self.limit_s

    def refusal(self) -> str | None:
        """Why no new call can be taken now, or None."""
        if not self.overloaded():
            return None
        return "This server is at its limit; calls that are live go on. Try again in half a minute."

    async def watch(self) -> None:
        """Take readings until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.note(loop.time() - due)


@asynccontextmanager
async def watching(lag: LoopLag) -> AsyncIterator[None]:
    """Readings are taken while the block runs."""
    task = asyncio.create_task(lag.watch(), name="loop lag")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,), timeout=1.0)
