"""A thousand answers through the queue, by workers that are killed without a warning."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from storage.jobs import PostgresJobs, preload_queue, score_job
from storage.wire import connect
from tests.fakes.killable_worker import judge
from tests.storage.samples import Stores, a_response, a_session, with_stores

pytestmark = [pytest.mark.postgres, pytest.mark.process]

ROOT = Path(__file__).parents[2]
ANSWERS = 1000
KILLS = 6
GUARD_S = 50.0


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


async def until_empty(dsn: str) -> None:
    """Wait for the queue's own notices; no clock."""
    told = asyncio.Event()
    connection = await connect(dsn)
    try:
        await connection.add_listener("ch_pgqueuer", lambda *_: told.set())
        while await connection.fetchval("SELECT count(*) FROM pgqueuer"):
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
            # What the dead worker held is given out again, as after its heartbeat ran out.
            cut_off += await stores.pool.fetchval(
                "WITH held AS (UPDATE pgqueuer SET heartbeat = now() - interval '1 hour' "
                "WHERE status = 'picked' RETURNING 1) SELECT count(*) FROM held"
            )
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

    async def bounded(stores: Stores) -> None:
        async with asyncio.timeout(GUARD_S):
            await work(stores)

    with_stores(dsn, bounded)
