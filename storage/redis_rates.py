"""Counting requests across replicas, in Redis: a sorted set of instants for each key, by the clock of Redis.

A set is gone one window after the last request. Its name is a digest: who asks is nobody's business there.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import redis.asyncio

from storage.redis_leases import answering

_TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local times, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) >= times then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, oldest[2] + window - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return 0
"""


class RedisRates:
    """`ports.Rates` on Redis ≥ 5. It owns ``client`` and closes it."""

    def __init__(self, client: redis.asyncio.Redis, *, name: str = "viva:rates") -> None:
        self._client, self._name = client, name
        self._take = client.register_script(_TAKE)

    async def take(self, key: str, times: int, window_s: float) -> float:
        place = f"{self._name}:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
        with answering():
            wait_ms = int(
                await self._take(keys=[place], args=[times, round(window_s * 1000), secrets.token_hex(8)])
            )
        return wait_ms / 1000

    async def aclose(self) -> None:
        await self._client.aclose()
