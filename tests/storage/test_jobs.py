from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from storage.jobs import PostgresJobs, analyse_job, enqueue, insights_job, score_job
from storage.ports import CallChanges, Fenced, JobState, NotFound, StoredAnswer
from storage.wire import connect
from tests.storage.samples import NOON, Stores, a_response, a_session, with_stores

pytestmark = pytest.mark.postgres


async def keys(stores: Stores) -> list[str]:
    return [job.key for job in await PostgresJobs(stores.pool).listing()]


def test_the_queue_is_as_its_library_wants_it(dsn: str) -> None:
    async def work() -> None:
        from pgqueuer.queries import Queries

        connection = await connect(dsn)
        try:
            plan = await Queries.from_asyncpg_connection(connection).plan_upgrade()
        finally:
            await connection.close()
        assert list(plan.statements) == []
        assert list(plan.notes) == []

    asyncio.run(work())


def test_a_job_is_queued_with_its_cause_or_not_at_all(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        async def cause(fails: bool) -> None:
            async with stores.pool.acquire() as db, db.transaction():
                assert await enqueue(db, [score_job("call1", "q1", "d1")]) == 1
                if fails:
                    raise LookupError

        with pytest.raises(LookupError):
            await cause(fails=True)
        assert await keys(stores) == []
        await cause(fails=False)
        (job,) = await PostgresJobs(stores.pool).listing()
        assert (job.kind, job.state, job.attempts, job.why) == ("score-answer", JobState.QUEUED, 0, "")
        assert job.payload == {"call_id": "call1", "question_id": "q1", "digest": "d1"}

    with_stores(dsn, work, seeded=False)


def test_of_one_key_one_job_waits(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        jobs = PostgresJobs(stores.pool)
        assert await jobs.add(score_job("c", "q1", "d"), score_job("c", "q1", "d"), insights_job("s")) == 2
        assert await jobs.add(score_job("c", "q1", "d")) == 0
        # Other words, another question and another cause are other jobs.
        others = (score_job("c", "q1", "e"), score_job("c", "q2", "d"), analyse_job("c", "a", 60))
        assert await jobs.add(*others, analyse_job("c", "b")) == 4
        assert await jobs.add() == 0
        counts = await jobs.counts()
        assert {kind: sum(by.values()) for kind, by in counts.items()} == {
            "analyse-call": 2,
            "insights": 1,
            "score-answer": 3,
        }
        later, now = (job for job in await jobs.listing() if job.kind == "analyse-call")
        assert (later.due_at - later.created_at).total_seconds() == 60
        assert now.due_at == now.created_at

    with_stores(dsn, work, seeded=False)


def test_failed_jobs_stay_until_they_are_retried(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        jobs = PostgresJobs(stores.pool)
        await jobs.add(score_job("c", "q1", "d"), score_job("c", "q2", "d"), score_job("c", "q3", "d"))
        await stores.pool.execute("UPDATE pgqueuer SET status = 'failed', attempts = 5")
        first, second, third = await jobs.listing(JobState.FAILED)
        assert await jobs.listing(JobState.QUEUED) == []
        # The same work was queued anew: the failed job is not needed any more.
        assert await jobs.add(score_job("c", "q1", "d")) == 1
        assert await jobs.retry([first.id, second.id]) == [second.id]
        assert (await jobs.show(second.id)).attempts == 0
        assert await jobs.retry() == [third.id]
        assert [job.id for job in await jobs.listing(JobState.FAILED)] == [first.id]
        with pytest.raises(NotFound):
            await jobs.show(10**9)

    with_stores(dsn, work, seeded=False)


def test_two_failed_jobs_of_one_key_become_one(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        jobs = PostgresJobs(stores.pool)
        for _ in range(2):
            await jobs.add(insights_job("s"))
            await stores.pool.execute("UPDATE pgqueuer SET status = 'failed'")
        older, newer = await jobs.listing()
        assert await jobs.retry() == [newer.id]
        assert await jobs.retry([older.id]) == []

    with_stores(dsn, work, seeded=False)


ANSWER = StoredAnswer(1, "q1", "I am Ada.")


async def opened(stores: Stores) -> int:
    await stores.repo.add_session(a_session())
    await stores.repo.add_response(a_response(1))
    return (await stores.calls.open_call("call1")).fence


def test_a_finished_thread_is_queued_with_its_words(dsn: str) -> None:
    changes = CallChanges({"n": 1}, answers=[ANSWER], finished=[("q1", "d1")])

    async def work(stores: Stores) -> None:
        fence = await opened(stores)
        for _ in range(2):
            await stores.calls.save_call("call1", fence, changes)
        assert await keys(stores) == ["score:call1:q1:d1"]
        await stores.calls.save_call("call1", fence, replace(changes, finished=[("q1", "d2")]))
        assert await keys(stores) == ["score:call1:q1:d1", "score:call1:q1:d2"]

    with_stores(dsn, work)


def test_an_older_owner_queues_nothing(dsn: str) -> None:
    async def work(stores: Stores) -> None:
        fence = await opened(stores)
        await stores.calls.open_call("call1")
        with pytest.raises(Fenced):
            await stores.calls.save_call("call1", fence, CallChanges({}, finished=[("q1", "d1")]))
        with pytest.raises(Fenced):
            await stores.calls.end_call("call1", fence, status="completed", reason="finished", at=NOON)
        assert await keys(stores) == []

    with_stores(dsn, work)


@pytest.mark.parametrize(("status", "wait_s"), [("completed", 0), ("abandoned", 0), ("interrupted", 300)])
def test_the_end_of_a_call_queues_its_analysis_once(dsn: str, status: str, wait_s: int) -> None:
    async def work(stores: Stores) -> None:
        fence = await opened(stores)
        for _ in range(2):
            await stores.calls.end_call("call1", fence, status=status, reason="why", at=NOON)
        (job,) = await PostgresJobs(stores.pool).listing()
        assert job.key == f"analyse:call1:{status}:{fence}"
        assert (job.due_at - job.created_at).total_seconds() == wait_s

    with_stores(dsn, work)
