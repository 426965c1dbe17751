"""Leases across replicas, in Redis.

Two structures hold all leases: a sorted set (key → instant of expiry, by the clock of Redis) and a hash
(key → token and owner). So counting live calls costs the number of live calls and never scans the
keyspace, and nothing outlives its lease but one counter, from which all tokens come.
The ``{…}`` in the names puts them on one node of a cluster, as a script demands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis.asyncio
from redis.exceptions import RedisError

from storage.ports import Lease, StorageDown

_NOW: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local late = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
for _, key in ipairs(late) do
  redis.call('ZREM', KEYS[1], key)
  redis.call('HDEL', KEYS[2], key)
end
"""

_TAKE: Final = (
    _NOW
    + """
local held = redis.call('HGET', KEYS[2], ARGV[1])
if held and ARGV[4] == '0' and string.match(held, '^%d+ (.*)$') ~= ARGV[2] then
  return 0
end
local token = redis.call('INCR', KEYS[3])
redis.call('HSET', KEYS[2], ARGV[1], token .. ' ' .. ARGV[2])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
return token
"""
)

_RENEW: Final = (
    _NOW
    + """
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
return 1
"""
)

_RELEASE: Final = """
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
"""

_COUNT: Final = (
    _NOW
    + """
local found = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(key, 1, #ARGV[1]) == ARGV[1] then found = found + 1 end
end
return found
"""
)


class RedisLeases:
    """`ports.Leases` on Redis ≥ 5. It owns ``client`` and closes it."""

    def __init__(self, client: redis.asyncio.Redis, *, name: str = "viva:leases") -> None:
        self._client = client
        self._keys = [f"{{{name}}}:until", f"{{{name}}}:owners", f"{{{name}}}:token"]
        self._take = client.register_script(_TAKE)
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._count = client.register_script(_COUNT)

    async def take(self, key: str, owner: str, ttl_s: float, *, steal: bool = False) -> Lease | None:
        """A fresh token even for the present owner, so that its older lease can no longer be renewed."""
        token = await self._run(self._take, key, owner, _ms(ttl_s), int(steal))
        return Lease(key, token, owner) if token else None

    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        return bool(await self._run(self._renew, lease.key, _mark(lease), _ms(ttl_s)))

    async def release(self, lease: Lease) -> None:
        await self._run(self._release, lease.key, _mark(lease))

    async def count(self, prefix: str) -> int:
        return await self._run(self._count, prefix)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _run(self, script: Any, *args: str | int) -> int:
        with answering():
            return int(await script(keys=self._keys, args=args))


@contextmanager
def answering() -> Iterator[None]:
    """Turn what Redis's client raises into StorageDown."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StorageDown(
            f"Redis did not answer ({type(error).__name__}): check that it runs and VIVA_REDIS_URL is right"
        ) from error


def _mark(lease: Lease) -> str:
    return f"{lease.token} {lease.owner}"


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
