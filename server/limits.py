"""How often somebody may ask: a sliding window per person, across all servers where there is a Redis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import structlog

from server.problems import Problem
from storage.ports import Rates, StorageDown

log = structlog.get_logger("viva.limits")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``times`` in ``window_s`` seconds for each key. ``spare`` counts while ``rates`` are away."""

    times: int
    window_s: float
    rates: Rates
    spare: Rates

    async def take(self, key: str) -> None:
        """Count one request. Raises Problem 429 with Retry-After when there were enough."""
        try:
            wait_s = await self.rates.take(key, self.times, self.window_s)
        except StorageDown as trouble:
            log.warning("requests are counted in this process only", why=str(trouble))
            wait_s = await self.spare.take(key, self.times, self.window_s)
        if wait_s > 0:
            wait = max(1, math.ceil(wait_s))
            raise Problem(
                429,
                "too_many_requests",
                "Too many requests",
                f"Try again in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )
