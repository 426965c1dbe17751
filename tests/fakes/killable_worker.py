"""A worker process that judges at once and by rule, made to be killed: ``python killable_worker.py DSN``.

It writes a dot for every job it has done, so that its parent knows when to strike. A question that is
called ``deadly…`` kills it, as a fault in a library would.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from interview.evaluation import Evaluation, Quote, Verdict
from interview.rubric import Confidence, Dimension
from interview.threads import Place
from storage.job_runner import Job, JobRunner
from storage.results import PostgresResults
from storage.wire import open_pool


def judge(question_id: str) -> Evaluation:
    value = sum(question_id.encode()) % 101
    quote = Quote(question_id, 0, len(question_id))
    return Evaluation(tuple(Verdict(d, value, quotes=(quote,)) for d in Dimension), value, "", Confidence.LOW)


async def main(dsn: str) -> None:
    pool = await open_pool(dsn, max_size=8)
    results = PostgresResults(pool)

    async def score(job: Job) -> None:
        question_id = job.payload["question_id"]
        if question_id.startswith("deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        evaluation = judge(question_id)
        places = {v.dimension: [Place(1, 0, 1)] for v in evaluation.verdicts}
        await results.save_evaluation(
            job.payload["call_id"], question_id, job.payload["digest"], evaluation, places
        )
        sys.stdout.write(".")
        sys.stdout.flush()

    async def leave(job: Job) -> None:
        sys.stdout.write("!")
        sys.stdout.flush()

    # A heartbeat so long that only the parent decides when a dead worker's jobs are given out again.
    runner = JobRunner(
        dsn, {"score-answer": score}, instead={"score-answer": leave}, concurrency=16, heartbeat_s=600.0
    )
    await runner.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
