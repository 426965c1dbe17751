"""The embedded server's worker, as a process of its own: what a judge computes holds up no live call.

The parent sends the settings as one line on the child's standard input, and later the word ``leave``. A
standard input that ends without it means that the parent is gone: the child ends at once, which loses
nothing, since a job that was under way is done again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import uvloop

from server.settings import Settings

LEAVE_S: Final = 50.0
"""A worker that is told to leave must be gone within this; then it is killed."""
PAUSES_S: Final = (1.0, 5.0, 30.0)
"""Pauses before a worker that died is started again; the last one repeats."""
NICE: Final = 10
"""How far the worker steps back where processors are short; 0 is not at all, 19 most."""
_LEAVE: Final = b"leave\n"

log = structlog.get_logger("viva.worker")


class _Orders(msgspec.Struct):
    settings: Settings
    dsn: str


@asynccontextmanager
async def worker_process(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """A worker on the database ``dsn`` runs while the block does; nobody waits for it to be ready."""
    leave = asyncio.Event()
    keeper = asyncio.create_task(_keep(settings, dsn, leave), name="worker process")
    try:
        yield
    finally:
        leave.set()
        await asyncio.wait((keeper,), timeout=LEAVE_S + 5.0)
        if not keeper.done():
            keeper.cancel()
            await asyncio.wait((keeper,), timeout=5.0)


async def _keep(settings: Settings, dsn: str, leave: asyncio.Event) -> None:
    """Start it, and start it again when it dies, until ``leave``."""
    orders = msgspec.json.encode(_Orders(settings, dsn), enc_hook=str) + b"\n"
    tries = 0
    while not leave.is_set():
        code = await _run(orders, leave)
        if leave.is_set():
            return
        log.error("the worker process died and is started again", code=code)
        try:
            async with asyncio.timeout(PAUSES_S[min(tries, len(PAUSES_S) - 1)]):
                await leave.wait()
        except TimeoutError:
            tries += 1


async def _run(orders: bytes, leave: asyncio.Event) -> int:
    """One process from start to end; its exit code."""
    # A session of its own: the terminal's Ctrl-C is for the server, which then sees its worker off.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.worker_process", stdin=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    ended = asyncio.create_task(process.wait(), name="worker's end")
    told = asyncio.create_task(leave.wait(), name="worker's leave")
    try:
        process.stdin.write(orders)
        await asyncio.wait((ended, told), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            process.stdin.write(_LEAVE)
            await asyncio.wait((ended,), timeout=LEAVE_S)
    finally:
        if not ended.done():
            log.error("the worker would not leave and is killed")
            process.kill()
        process.stdin.close()
        told.cancel()
        await asyncio.wait((ended, told), timeout=5.0)
    return process.returncode if process.returncode is not None else -1


def main() -> int:
    """The child's side."""
    from server.logs import configure_logging

    # Unbuffered: what follows the orders, perhaps already there, is read from the descriptor itself.
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        orders = msgspec.json.decode(stdin.readline(), type=_Orders, dec_hook=_decode)
    configure_logging(orders.settings)
    _give_way()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(orders))
    return 0


def _give_way() -> None:
    """Live calls have the processor first. What the system does not grant is done without."""
    with suppress(OSError):
        os.nice(NICE)
    with suppress(OSError):
        # Linux may weigh sessions against each other, and niceness within one only; this weighs ours.
        Path("/proc/self/autogroup").write_text(str(NICE))


async def _work(orders: _Orders) -> None:
    # Loaded here, once we have given way: loading is work too.
    from server.worker_app import open_worker

    leave = asyncio.Event()

    def hear() -> None:
        if os.read(0, len(_LEAVE)):
            leave.set()
        else:
            os._exit(1)  # the parent is gone

    asyncio.get_running_loop().add_reader(0, hear)
    async with open_worker(orders.settings, orders.dsn):
        await leave.wait()


def _decode(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


if __name__ == "__main__":
    sys.exit(main())
