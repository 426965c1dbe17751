"""Counts the workers that a job has taken down: one that kills every worker must not be handed out for ever.

A job that was in hand when a worker died is suspected. The others in hand then were innocent, most likely,
and would die with the guilty one again and again. So a suspected job runs alone in its process, and is
counted only once it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from storage.ports import StorageDown
from storage.wire import guard

_UNSUSPECTED: Final = (
    "INSERT INTO job_deliveries AS d (job_id, begun) VALUES ($1, 1) "
    "ON CONFLICT (job_id) DO UPDATE SET begun = 1 WHERE d.begun = 0 RETURNING 1"
)
_SUSPECTED: Final = "UPDATE job_deliveries SET begun = begun + 1 WHERE job_id = $1 RETURNING begun - 1"
_ENDED: Final = "UPDATE job_deliveries SET begun = greatest(begun - 1, 0) WHERE job_id = $1"


class Room:
    """Many may be inside, or one alone; who wants to be alone comes before newcomers."""

    def __init__(self) -> None:
        self._inside = self._loners = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def among_others(self) -> AsyncIterator[None]:
        await self._until(lambda: not self._loners)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._changed.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        self._loners += 1
        try:
            await self._until(lambda: not self._inside)
            self._inside += 1
            try:
                yield
            finally:
                self._inside -= 1
        finally:
            self._loners -= 1
            self._changed.set()

    async def _until(self, free: Callable[[], bool]) -> None:
        while not free():
            self._changed.clear()
            await self._changed.wait()


class Deliveries:
    """On a pool of the queue's own; one for each worker process."""

    def __init__(self, pool: Any) -> None:
        self._pool, self._room = pool, Room()

    @asynccontextmanager
    async def begun(self, job_id: int) -> AsyncIterator[int]:
        """How many workers died with this job in hand; while the block runs, one more may.

        The end of the block takes that back, however it ends: the worker lives. Raises StorageDown.
        """
        async with self._room.among_others():
            if await self._ask(_UNSUSPECTED, job_id):
                async with self._telling(job_id):
                    yield 0
                return
        async with self._room.alone():
            died = await self._ask(_SUSPECTED, job_id)
            async with self._telling(job_id):
                yield died or 0

    @asynccontextmanager
    async def _telling(self, job_id: int) -> AsyncIterator[None]:
        try:
            yield
        finally:
            # Also after a success: the queue notes it a little later, and the worker may die before.
            with suppress(StorageDown):
                await self._ask(_ENDED, job_id)

    async def _ask(self, sql: str, job_id: int) -> int | None:
        with guard():
            found: int | None = await self._pool.fetchval(sql, job_id)
        return found
