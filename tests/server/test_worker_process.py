"""The embedded server's worker as a real process: it works, leaves, comes back, follows its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import msgspec
import psutil
import pytest

from server import worker_process as module
from server.settings import Settings
from server.worker_process import NICE, worker_process
from storage.jobs import enqueue, score_job
from storage.wire import Pool, open_pool

GUARD_S = 50.0


def hold(dsn: str, act: Callable[[Pool], Awaitable[None]]) -> None:
    async def work() -> None:
        pool = await open_pool(dsn)
        try:
            async with asyncio.timeout(GUARD_S), worker_process(Settings(), dsn):
                await act(pool)
        finally:
            await pool.close()

    asyncio.run(work())


async def done(pool: Pool, key: str) -> None:
    """Queue the scoring of a call that is gone, and wait until the worker has found that out."""
    async with pool.acquire() as db:
        await enqueue(db, [score_job("nobody", key, "d")])
    left = 1
    while left:
        left = await pool.fetchval("SELECT count(*) FROM pgqueuer")


def workers() -> set[int]:
    """Process ids of the workers that this process has started."""
    found: set[int] = set()
    for child in psutil.Process().children():
        try:
            if "server.worker_process" in child.cmdline():
                found.add(child.pid)
        except (psutil.ZombieProcess, psutil.NoSuchProcess):
            continue  # another's, or gone meanwhile
    return found


def test_jobs_are_done_and_the_process_leaves_when_told(dsn: str) -> None:
    seen: dict[int, int] = {}

    async def act(pool: Pool) -> None:
        await done(pool, "q1")
        for worker in await asyncio.to_thread(workers):
            seen[worker] = psutil.Process(worker).nice()

    hold(dsn, act)
    assert list(seen.values()) == [min(psutil.Process().nice() + NICE, 19)], "live calls come first"
    assert not workers()


def test_a_process_that_is_killed_is_started_again(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES_S", (0.0,))

    async def act(pool: Pool) -> None:
        await done(pool, "q1")
        (first,) = await asyncio.to_thread(workers)
        os.kill(first, signal.SIGKILL)
        await done(pool, "q2")
        (second,) = await asyncio.to_thread(workers)
        assert second != first

    hold(dsn, act)
    assert not workers()


def test_a_process_whose_parent_is_gone_ends(dsn: str) -> None:
    orders = msgspec.json.encode(module._Orders(Settings(), dsn), enc_hook=str) + b"\n"
    with subprocess.Popen(
        [sys.executable, "-m", "server.worker_process"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        process.stdin.write(orders)
        process.stdin.close()
        assert process.wait(timeout=GUARD_S) == 1
