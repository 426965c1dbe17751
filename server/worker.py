"""The worker: runs jobs beside the server, started by hand (`viva worker`) or by an embedded server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from agents.analyst import AnalystAgent
from agents.evaluator import EvaluatorAgent
from agents.llm import LLM
from server.aftermath import Aftermath, Coach, Evaluator, explain
from server.analytics import AnalyticsService
from server.retell_api import RetellApi
from server.reviews import ReviewService
from storage.job_runner import CONCURRENCY, Job, JobRunner
from storage.jobs import PostgresJobs
from storage.ports import StorageDown
from storage.postgres import PostgresRepository
from storage.results import PostgresResults
from storage.reviews import PostgresReviews
from storage.runs import PostgresRuns
from storage.wire import Pool, open_pool

PAUSES_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Pauses before the queue is opened again after the database went away; the last one repeats."""
LEAVE_S: Final = 45.0
"""A worker that is told to stop must be gone within this."""

log = structlog.get_logger("viva.worker")


def build_aftermath(
    pool: Pool,
    llm: LLM,
    evaluator: Evaluator,
    coach: Coach,
    retell: RetellApi | None,
    clock: Callable[[], datetime],
) -> Aftermath:
    """Everything that jobs do, on ``pool``."""
    repo, results = PostgresRepository(pool), PostgresResults(pool)
    return Aftermath(
        runs=PostgresRuns(pool),
        results=results,
        jobs=PostgresJobs(pool),
        repo=repo,
        evaluator=evaluator,
        coach=coach,
        analytics=AnalyticsService(AnalystAgent(llm), repo, results),
        retell=retell,
        clock=clock,
    )


def build_reviews(
    pool: Pool,
    llm: LLM,
    judge: EvaluatorAgent,
    coach: Coach,
    clock: Callable[[], datetime],
) -> ReviewService:
    """Disputes, overrides and further tries, on ``pool``. A disputed answer gets more and other samples."""
    results = PostgresResults(pool)
    return ReviewService(
        runs=PostgresRuns(pool),
        results=results,
        reviews=PostgresReviews(pool),
        analytics=AnalyticsService(AnalystAgent(llm), PostgresRepository(pool), results),
        judge=judge,
        second=replace(judge, samples=judge.samples + 2, first=judge.samples),
        coach=coach,
        rubrics=judge.rubrics,
        clock=clock,
    )


@asynccontextmanager
async def working(
    dsn: str, build: Callable[[Pool], Aftermath], *, concurrency: int = CONCURRENCY
) -> AsyncIterator[None]:
    """A worker runs while the block does. Jobs get a pool of their own, so live calls never wait for them."""
    pool = await open_pool(dsn, max_size=2 * concurrency + 1)
    try:
        worker = Worker(dsn, build(pool), concurrency)
        task = asyncio.create_task(worker.run(), name="worker")
        try:
            yield
        finally:
            worker.stop()
            await asyncio.wait({task}, timeout=LEAVE_S)
            if not task.done():
                log.error("the worker would not stop")
                task.cancel()
                await asyncio.wait({task}, timeout=LEAVE_S)
    finally:
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()


class Worker:
    """Opens the queue, and opens it again when the database was away."""

    def __init__(self, dsn: str, aftermath: Aftermath, concurrency: int = CONCURRENCY) -> None:
        self._dsn, self._aftermath, self._concurrency = dsn, aftermath, concurrency
        self._stopping = asyncio.Event()
        self._runner: JobRunner | None = None

    def stop(self) -> None:
        self._stopping.set()
        if self._runner is not None:
            self._runner.stop()

    async def run(self) -> None:
        """Until `stop`."""
        tries = 0
        while not self._stopping.is_set():
            self._runner = JobRunner(
                self._dsn,
                self._aftermath.handlers(),
                explain=explain,
                on_trouble=_report,
                tick=self._sweep,
                instead=self._aftermath.instead(),
                concurrency=self._concurrency,
            )
            try:
                await self._runner.run()
                tries = 0
                continue
            except StorageDown as trouble:
                log.warning("no jobs for now, will try again", why=str(trouble), tries=tries)
            except Exception:
                # A worker that is gone would be missed by nobody until the scores are.
                log.exception("the worker failed, will try again", tries=tries)
            await _wait(self._stopping, PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1

    async def _sweep(self) -> None:
        try:
            await self._aftermath.sweep()
        except StorageDown as trouble:
            log.warning("sweep was left out", why=str(trouble))


def _report(job: Job, why: str) -> None:
    log.warning("job failed", job=job.id, kind=job.kind, attempts=job.attempts, last=job.last, why=why)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
