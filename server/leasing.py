"""Holding a lease for as long as a block runs.

The database's fence alone keeps a stale owner from writing. The lease tells it early that it has been
replaced, and lets any replica count the calls that are live on all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from storage.ports import Lease, Leases, StorageError

TTL_S: Final = 15.0
"""A dead owner's lease is gone after this."""

log = structlog.get_logger("viva.leases")


@dataclass(slots=True)
class _Held:
    lease: Lease | None


@asynccontextmanager
async def keeping(leases: Leases, key: str, owner: str, on_lost: Callable[[], None]) -> AsyncIterator[None]:
    """Take ``key`` from whoever has it and renew it; ``on_lost`` when somebody takes it from us.

    The block does not wait for the lease: the fence is what counts. A lease store that is away is no reason
    to end a call: it is tried again at the next renewal.
    """
    held = _Held(None)
    async with asyncio.TaskGroup() as group:
        keeper = group.create_task(_keep(leases, key, owner, held, on_lost), name=f"lease {key}")
        try:
            yield
        finally:
            keeper.cancel()
    if held.lease is not None:
        try:
            await leases.release(held.lease)
        except StorageError as trouble:
            log.warning("lease was not released, it will run out", why=str(trouble))


async def _take(leases: Leases, key: str, owner: str) -> Lease | None:
    try:
        return await leases.take(key, owner, TTL_S, steal=True)
    except StorageError as trouble:
        log.warning("no lease, going on without", why=str(trouble))
        return None


async def _keep(leases: Leases, key: str, owner: str, held: _Held, on_lost: Callable[[], None]) -> None:
    while True:
        try:
            if held.lease is None:
                held.lease = await _take(leases, key, owner)
            elif not await leases.renew(held.lease, TTL_S):
                on_lost()
                return
        except StorageError as trouble:
            log.warning("lease not renewed, will try again", why=str(trouble))
        await asyncio.sleep(TTL_S / 3)
