"""Running something on an event loop of its own, in a thread: what computes there holds up nobody here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import structlog
import uvloop

LEAVE_S: Final = 60.0
"""What runs beside must be gone within this; the thread cannot be killed."""
log = structlog.get_logger("viva.beside")


@asynccontextmanager
async def beside(open_it: Callable[[], AbstractAsyncContextManager[None]], name: str) -> AsyncIterator[None]:
    """Enter ``open_it()`` on a loop in a thread, for as long as the block runs.

    What it raises on entering is raised here. All that it uses must be made inside it: clients and pools
    belong to one loop.
    """
    opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        leave = asyncio.Event()
        async with open_it():
            opened.set_result((asyncio.get_running_loop(), leave))
            await leave.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    task = asyncio.create_task(asyncio.to_thread(run), name=name)
    task.add_done_callback(lambda done: _report(done, name))
    try:
        loop, leave = await asyncio.wrap_future(opened)
    except BaseException:
        await asyncio.wait({task}, timeout=LEAVE_S)
        raise
    try:
        yield
    finally:
        if not task.done():
            loop.call_soon_threadsafe(leave.set)
            await asyncio.wait({task}, timeout=LEAVE_S)
        if not task.done():
            log.error("it would not stop", what=name)


def _report(done: asyncio.Task[None], name: str) -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        log.error("it died", what=name, why=type(error).__name__)
