"""The live calls of this process, and the one place that ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import structlog

from interview.events import EndReason
from server.line import ManagedLine
from server.logs import safe_call_id

HARD_STOP_S: Final = 5.0
"""After the grace time and the parting words, what still runs is cancelled within this."""

L = TypeVar("L", bound=ManagedLine)
log = structlog.get_logger("viva.calls")


class Draining(Exception):
    """No new calls: the server is being shut down."""


class CallRegistry:
    """Owns one task per live call; a call that fails takes down only itself."""

    def __init__(self) -> None:
        self.draining = False
        self._lines: dict[str, ManagedLine] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._beginning: dict[str, asyncio.Future[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._tasks

    def line(self, call_id: str, kind: type[L]) -> L | None:
        """The live line of this call, when it is of that kind."""
        line = self._lines.get(call_id)
        return line if isinstance(line, kind) else None

    def is_beginning(self, call_id: str) -> bool:
        return call_id in self._beginning

    @asynccontextmanager
    async def alone(self, call_id: str) -> AsyncIterator[None]:
        """The only one in this process to look ``call_id`` up and start it; look for its line first.

        Of two look-ups the later one fences what the earlier one starts. Does not suspend when nobody else
        is at it.
        """
        while (other := self._beginning.get(call_id)) is not None:
            await asyncio.wait((other,))
        mine = self._beginning[call_id] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._beginning[call_id]
            mine.set_result(None)

    def start(self, call_id: str, line: ManagedLine, call: Coroutine[Any, Any, Any]) -> None:
        """Run ``call`` until it ends. Raises Draining, with the coroutine closed, at shutdown."""
        if self.draining:
            call.close()
            raise Draining
        self._lines[call_id] = line
        task = asyncio.create_task(call, name=f"call {safe_call_id(call_id)}")
        self._tasks[call_id] = task
        task.add_done_callback(lambda done: self._ended(call_id, line, done))

    def _ended(self, call_id: str, line: ManagedLine, task: asyncio.Task[Any]) -> None:
        if self._lines.get(call_id) is line:
            del self._lines[call_id]
        if self._tasks.get(call_id) is task:
            del self._tasks[call_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call failed", call_id=safe_call_id(call_id), exc_info=error)
            line.abandon()

    async def drain(self, grace_s: float) -> None:
        """Take no new calls, let live ones finish, then let the rest go so that they can come back."""
        self.draining = True
        if self._tasks and grace_s > 0:
            log.info("waiting for live calls", calls=len(self._tasks), seconds=grace_s)
            await asyncio.wait(set(self._tasks.values()), timeout=grace_s)
        for line in list(self._lines.values()):
            line.leave(EndReason.RESTART)
        if left := set(self._tasks.values()):
            _, stuck = await asyncio.wait(left, timeout=HARD_STOP_S + 10.0)
            for task in stuck:
                task.cancel()
            if stuck:
                await asyncio.wait(stuck, timeout=HARD_STOP_S)
