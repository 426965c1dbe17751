"""Workers that die without a warning: killed from outside, or by the job they are at."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from storage.job_runner import DEATHS
from storage.jobs import PostgresJobs, preload_queue, score_job
from storage.ports import JobState
from storage.wire import connect
from tests.fakes.killable_worker import judge
from tests.storage.samples import Stores, a_response, a_session, with_stores

pytestmark = [pytest.mark.postgres, pytest.mark.process, pytest.mark.timeout(150)]

ROOT = Path(__file__).parents[2]
ANSWERS = 1000
KILLS = 6
GUARD_S = 100.0


async def worker(dsn: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.killable_worker", dsn, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def kill_after(process: asyncio.subprocess.Process, jobs: int) -> None:
    """SIGKILL once the process has done so many jobs; whatever it is doing then is cut off."""
    assert process.stdout is not None
    await process.stdout.readexactly(jobs)
    process.kill()
    await process.communicate()


async def give_out_again(stores: Stores) -> int:
    """Let the heartbeats of what dead workers held run out; how much that was."""
    held: int = await stores.pool.fetchval(
        "WITH held AS (UPDATE pgqueuer SET heartbeat = now() - interval '1 hour' "
        "WHERE status = 'picked' RETURNING 1) SELECT count(*) FROM held"
    )
    return held


async def until_empty(dsn: str) -> None:
    """Wait, by the queue's own notices and no clock, until only failed jobs are left."""
    told = asyncio.Event()
    connection = await connect(dsn)
    try:
        await connection.add_listener("ch_pgqueuer", lambda *_: told.set())
        while await connection.fetchval("SELECT count(*) FROM pgqueuer WHERE status <> 'failed'"):
            await told.wait()
            told.clear()
    finally:
        await connection.close()


def test_every_answer_is_scored_exactly_once_however_often_workers_die(dsn: str) -> None:
    preload_queue()
    chance = random.Random(20260504)

    async def work(stores: Stores) -> None:
        await stores.repo.add_session(a_session())
        await stores.repo.add_response(a_response(1))
        wanted = [f"q{n}" for n in range(ANSWERS)]
        assert await PostgresJobs(stores.pool).add(*(score_job("call1", q, "d") for q in wanted)) == ANSWERS
        cut_off = 0
        for _ in range(KILLS):
            await kill_after(await worker(dsn), chance.randint(20, 140))
            cut_off += await give_out_again(stores)
        assert cut_off > 0
        last = await worker(dsn)
        try:
            await until_empty(dsn)
        finally:
            last.kill()
            await last.communicate()
        rows = await stores.pool.fetch(
            "SELECT question_id, overall, revisions FROM mock_interview_evaluations"
        )
        assert {row["question_id"]: row["overall"] for row in rows} == {q: judge(q).overall for q in wanted}
        assert {row["revisions"] for row in rows} == {1}
        scores = await stores.pool.fetchval(
            "SELECT count(DISTINCT (question_id, dimension)) FROM mock_interview_scores"
        )
        assert scores == 5 * ANSWERS

    bounded(dsn, work)


async def worker_dies(dsn: str, stores: Stores) -> None:
    process = await worker(dsn)
    await process.communicate()
    assert process.returncode == -signal.SIGKILL
    await give_out_again(stores)


def test_a_job_that_kills_its_worker_is_put_aside_and_costs_no_other_job(dsn: str) -> None:
    preload_queue()
    innocent = [f"q{n}" for n in range(30)]

    async def work(stores: Stores) -> None:
        jobs = PostgresJobs(stores.pool)
        await stores.repo.add_session(a_session())
        await stores.repo.add_response(a_response(1))
        await jobs.add(*(score_job("call1", q, "d") for q in [*innocent[:3], "deadly", *innocent[3:]]))
        for _ in range(DEATHS):
            await worker_dies(dsn, stores)
        last = await worker(dsn)
        try:
            await until_empty(dsn)
        finally:
            last.kill()
            out, _ = await last.communicate()
        assert out.count(b"!") == 1
        (dead,) = await jobs.listing()
        assert (dead.state, dead.payload["question_id"]) == (JobState.FAILED, "deadly")
        assert f"{DEATHS} workers died" in dead.why
        assert f"viva jobs retry {dead.id}" in dead.why
        rows = await stores.pool.fetch("SELECT question_id, revisions FROM mock_interview_evaluations")
        assert {row["question_id"]: row["revisions"] for row in rows} == dict.fromkeys(innocent, 1)
        # Run again, it has all its lives again.
        assert await jobs.retry([dead.id]) == [dead.id]
        await worker_dies(dsn, stores)
        assert (await jobs.show(dead.id)).state is JobState.RUNNING

    bounded(dsn, work)


def bounded(dsn: str, work: Callable[[Stores], Awaitable[None]]) -> None:
    async def within(stores: Stores) -> None:
        async with asyncio.timeout(GUARD_S):
            await work(stores)

    with_stores(dsn, within)
