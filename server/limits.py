"""How often somebody may ask: a sliding window per person, in this process."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from server.problems import Problem

MAX_PEOPLE: Final = 10_000
"""Who has not asked for longest is forgotten beyond this, so that memory stays bounded."""


@dataclass(slots=True)
class RateLimit:
    """At most ``times`` in ``window_s`` seconds for each key. ``now`` is a clock that never goes back."""

    times: int
    window_s: float
    now: Callable[[], float]
    _asked: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def take(self, key: str) -> None:
        """Count one request. Raises Problem 429 with Retry-After when there were enough."""
        now = self.now()
        asked = self._asked.setdefault(key, deque())
        self._asked.move_to_end(key)
        while asked and asked[0] <= now - self.window_s:
            asked.popleft()
        if len(asked) >= self.times:
            wait = max(1, math.ceil(asked[0] + self.window_s - now))
            raise Problem(
                429,
                "too_many_requests",
                "Too many requests",
                f"Try again in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )
        asked.append(now)
        if len(self._asked) > MAX_PEOPLE:
            self._asked.popitem(last=False)
