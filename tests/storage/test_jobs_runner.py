from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from storage import job_runner
from storage.job_runner import DEATHS, Handler, Job, JobRunner, TryAgain
from storage.jobs import SCORE, PostgresJobs, analyse_job, insights_job, preload_queue, score_job
from storage.ports import JobState, StorageDown
from tests.storage.samples import Stores, with_stores

pytestmark = pytest.mark.postgres

GUARD_S = 30.0


class Desk:
    """A runner on one database, and what it did."""

    def __init__(self, stores: Stores, dsn: str, pauses_s: tuple[float, ...]) -> None:
        self.stores, self.dsn, self.pauses_s = stores, dsn, pauses_s
        self.jobs = PostgresJobs(stores.pool)
        self.seen: list[tuple[str, int, bool]] = []
        self.troubles: list[str] = []
        self.changed = asyncio.Event()
        self.runner: JobRunner | None = None

    def runner_of(self, handlers: Mapping[str, Handler]) -> JobRunner:
        def noted(handler: Handler) -> Handler:
            async def handle(job: Job) -> None:
                self.seen.append((job.payload.get("question_id", ""), job.attempts, job.last))
                self.changed.set()
                await handler(job)

            return handle

        return JobRunner(
            self.dsn,
            {kind: noted(handler) for kind, handler in handlers.items()},
            pauses_s=self.pauses_s,
            poll_s=0.2,
            on_trouble=lambda _, why: self.troubles.append(why),
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self.changed.wait()
            self.changed.clear()

    async def until_done(self) -> None:
        left = 1
        while left:
            left = await self.stores.pool.fetchval("SELECT count(*) FROM pgqueuer WHERE status <> 'failed'")


def at_desk(
    dsn: str,
    act: Callable[[Desk], Awaitable[None]],
    pauses_s: tuple[float, ...] = (0.0, 0.0),
) -> None:
    preload_queue()

    async def work(stores: Stores) -> None:
        async with asyncio.timeout(GUARD_S):
            await act(Desk(stores, dsn, pauses_s))

    with_stores(dsn, work, seeded=False)


async def working(runner: JobRunner, act: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run())
        try:
            await act()
        finally:
            runner.stop()


def test_a_job_that_fails_is_tried_again_and_then_kept(dsn: str) -> None:
    async def fail(job: Job) -> None:
        raise ValueError("Zoe said that she is a nurse")

    async def act(desk: Desk) -> None:
        await desk.jobs.add(score_job("c", "q1", "d"))
        await working(desk.runner_of({SCORE: fail}), lambda: desk.until(lambda: len(desk.seen) == 3))
        assert desk.seen == [("q1", 0, False), ("q1", 1, False), ("q1", 2, True)]
        (dead,) = await desk.jobs.listing(JobState.FAILED)
        assert (dead.key, dead.why) == ("score:c:q1:d", "ValueError")
        assert desk.troubles == ["ValueError"] * 3
        log = await desk.stores.pool.fetch("SELECT traceback::text AS t FROM pgqueuer_log")
        assert not [row for row in log if "Zoe" in (row["t"] or "")]

    at_desk(dsn, act)


def test_a_retried_dead_letter_is_done(dsn: str) -> None:
    broken = True

    async def score(job: Job) -> None:
        if broken:
            raise LookupError

    async def act(desk: Desk) -> None:
        nonlocal broken
        await desk.jobs.add(score_job("c", "q1", "d"))
        await working(desk.runner_of({SCORE: score}), lambda: desk.until(lambda: len(desk.seen) == 3))
        broken = False
        assert len(await desk.jobs.retry()) == 1
        await working(desk.runner_of({SCORE: score}), lambda: desk.until(lambda: len(desk.seen) == 4))
        assert await desk.jobs.listing() == []

    at_desk(dsn, act)


def test_a_handler_may_say_when_it_wants_to_be_called_again(dsn: str) -> None:
    async def wait(job: Job) -> None:
        raise TryAgain("the model wants fewer requests", 3600.0)

    async def act(desk: Desk) -> None:
        await desk.jobs.add(score_job("c", "q1", "d"))
        await working(desk.runner_of({SCORE: wait}), lambda: desk.until(lambda: len(desk.seen) == 1))
        (job,) = await desk.jobs.listing(JobState.QUEUED)
        assert job.attempts == 1
        assert 3500 < (job.due_at - job.created_at).total_seconds() < 3700
        assert job.why == "the model wants fewer requests"

    at_desk(dsn, act, (0.0,) * 5)


def test_a_job_that_will_not_end_is_put_back(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "STOP_S", 0.5)

    async def hang(job: Job) -> None:
        await asyncio.Event().wait()

    async def act(desk: Desk) -> None:
        await desk.jobs.add(score_job("c", "q1", "d"), score_job("c", "q2", "d"))
        await working(desk.runner_of({SCORE: hang}), lambda: desk.until(lambda: len(desk.seen) == 2))
        jobs = await desk.jobs.listing()
        assert {(job.state, job.attempts, job.why) for job in jobs} == {
            (JobState.QUEUED, 1, "the worker was stopped")
        }

    at_desk(dsn, act)


def test_a_job_in_hand_may_end_before_the_worker_does(dsn: str) -> None:
    gate = asyncio.Event()
    done: list[str] = []

    async def slow(job: Job) -> None:
        await gate.wait()
        done.append(job.payload["question_id"])

    async def act(desk: Desk) -> None:
        await desk.jobs.add(score_job("c", "q1", "d"))
        runner = desk.runner_of({SCORE: slow})
        async with asyncio.TaskGroup() as group:
            task = group.create_task(runner.run())
            await desk.until(lambda: len(desk.seen) == 1)
            runner.stop()
            await asyncio.wait({task}, timeout=0.05)
            assert not task.done()
            gate.set()
        assert done == ["q1"]
        assert await desk.jobs.listing() == []

    at_desk(dsn, act)


def test_kinds_without_a_handler_wait_for_a_worker_that_has_one(dsn: str) -> None:
    async def score(job: Job) -> None:
        return

    async def act(desk: Desk) -> None:
        await desk.jobs.add(insights_job("s"), analyse_job("c", "x", 3600), score_job("c", "q1", "d"))
        await working(desk.runner_of({SCORE: score}), lambda: desk.until(lambda: len(desk.seen) == 1))
        assert {job.kind for job in await desk.jobs.listing()} == {"insights", "analyse-call"}

    at_desk(dsn, act)


def test_a_database_that_goes_away_is_reported(dsn: str) -> None:
    async def score(job: Job) -> None:
        return

    async def act(desk: Desk) -> None:
        await desk.jobs.add(score_job("c", "q1", "d"))
        task = asyncio.create_task(desk.runner_of({SCORE: score}).run())
        await desk.until(lambda: len(desk.seen) == 1)
        await desk.stores.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(StorageDown):
            await task

    at_desk(dsn, act)


def test_a_queue_that_cannot_be_read_any_more_is_reported_too(dsn: str) -> None:
    async def score(job: Job) -> None:
        return

    async def act(desk: Desk) -> None:
        await desk.jobs.add(score_job("c", "q1", "d"))
        task = asyncio.create_task(desk.runner_of({SCORE: score}).run())
        await desk.until(lambda: len(desk.seen) == 1)
        await desk.stores.pool.execute("ALTER TABLE pgqueuer RENAME TO elsewhere")
        with pytest.raises(StorageDown):
            await task

    at_desk(dsn, act)


def test_a_connection_that_is_left_open_does_not_keep_the_worker(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leak(self: JobRunner, pool: Any) -> None:
        await pool.acquire()
        raise StorageDown("away")

    monkeypatch.setattr(JobRunner, "_work", leak)
    monkeypatch.setattr(job_runner, "CLOSE_S", 0.1)

    async def act(desk: Desk) -> None:
        with pytest.raises(StorageDown, match="away"):
            await desk.runner_of({}).run()

    at_desk(dsn, act)


def test_no_database_is_reported_too() -> None:
    preload_queue()
    with pytest.raises(StorageDown):
        asyncio.run(JobRunner("postgresql://nobody@127.0.0.1:1/none", {}).run())


def test_a_job_that_workers_die_of_is_put_aside_at_once_and_unworked(dsn: str) -> None:
    done: list[str] = []

    async def score(job: Job) -> None:
        done.append("worked")

    async def leave(job: Job) -> None:
        done.append("left")

    async def act(desk: Desk) -> None:
        for deaths, wanted in ((DEATHS - 1, ["worked"]), (DEATHS, ["left"]), (DEATHS + 1, [])):
            done.clear()
            await desk.jobs.add(score_job("c", f"q{deaths}", "d"))
            await desk.stores.pool.execute(
                "INSERT INTO job_deliveries SELECT id, $1 FROM pgqueuer WHERE status = 'queued'", deaths
            )
            runner = replace(desk.runner_of({SCORE: score}), instead={SCORE: leave})
            await working(runner, desk.until_done)
            assert done == wanted
        left = await desk.jobs.listing()
        assert [(job.state, job.payload["question_id"]) for job in left] == [
            (JobState.FAILED, f"q{DEATHS}"),
            (JobState.FAILED, f"q{DEATHS + 1}"),
        ]
        assert len(desk.troubles) == 2

    at_desk(dsn, act)
