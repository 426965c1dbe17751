"""From settings to what server and worker both reach other machines by: Retell, and what replicas share."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from server.retell_api import RetellApi
from server.settings import Settings
from storage.leases import MemoryLeases
from storage.ports import Leases, Rates
from storage.rates import MemoryRates


def utc_now() -> datetime:
    """The clock that everything stored is dated by."""
    return datetime.now(UTC)


def build_retell(settings: Settings) -> RetellApi | None:
    """Retell's REST side, or None without a key."""
    if settings.retell_api_key is None:
        return None
    if settings.retell_base_url is None:
        return RetellApi(settings.retell_api_key)
    return RetellApi(settings.retell_api_key, base_url=settings.retell_base_url)


async def build_leases(settings: Settings) -> Leases:
    """Who holds which call: on Redis where replicas share one, else in this process."""
    if settings.redis_url is None:
        return MemoryLeases(time.monotonic)
    return await asyncio.to_thread(_redis_leases, settings.redis_url)


async def build_rates(settings: Settings) -> Rates:
    """Who asked how often, kept where the leases are."""
    if settings.redis_url is None:
        return MemoryRates(time.monotonic)
    return await asyncio.to_thread(_redis_rates, settings.redis_url)


# Imported where it is used, off the loop: a server without Redis never loads it.


def _redis_leases(url: str) -> Leases:
    from storage.redis_leases import RedisLeases

    return RedisLeases(_redis(url))


def _redis_rates(url: str) -> Rates:
    from storage.redis_rates import RedisRates

    return RedisRates(_redis(url))


def _redis(url: str) -> Any:
    import redis.asyncio

    return redis.asyncio.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
