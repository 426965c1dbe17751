"""Durable jobs in PostgreSQL, on PGQueuer's tables: what there is to do, and a look at it.

A job is queued on the connection, and so in the transaction, of the fact that causes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Final

import asyncpg
import msgspec

from storage.ports import JobRow, JobState, NewJob, NotFound
from storage.wire import ACQUIRE_S, Connection, Pool, guard

SCORE: Final = "score-answer"
ANALYSE: Final = "analyse-call"
INSIGHTS: Final = "insights"
REJUDGE: Final = "rejudge-answer"
AGAIN: Final = "score-again"
RECORDING: Final = "fetch-recording"
LOG_DAYS: Final = 30
"""PGQueuer's log of what was done is kept this long."""

_STATES: Final = {"queued": JobState.QUEUED, "picked": JobState.RUNNING, "failed": JobState.FAILED}

_LIST: Final = """
SELECT id, entrypoint, status::text AS status, dedupe_key, payload, attempts, created, execute_after,
    (SELECT l.traceback FROM pgqueuer_log l WHERE l.job_id = q.id AND l.traceback IS NOT NULL
     ORDER BY l.created DESC, l.id DESC LIMIT 1) AS traceback
FROM pgqueuer q
WHERE ($1::text IS NULL OR status::text = $1) AND ($2::bigint IS NULL OR id = $2)
ORDER BY id LIMIT $3
"""

# A failed job whose key waits or runs again meanwhile stays: the newer one does its work.
_RETRY: Final = """
WITH again AS (
    UPDATE pgqueuer q SET status = 'queued', execute_after = now(), updated = now(), attempts = 0,
        queue_manager_id = NULL
    WHERE status = 'failed' AND ($1::bigint[] IS NULL OR id = ANY ($1))
        AND NOT EXISTS (SELECT FROM pgqueuer o WHERE o.dedupe_key = q.dedupe_key AND o.id <> q.id
            AND (o.status IN ('queued', 'picked') OR (o.status = 'failed' AND o.id > q.id
                AND ($1::bigint[] IS NULL OR o.id = ANY ($1)))))
    RETURNING id
), forgiven AS (DELETE FROM job_deliveries WHERE job_id IN (SELECT id FROM again))
SELECT id FROM again
"""


def score_job(call_id: str, question_id: str, digest: str) -> NewJob:
    """Score one thread; once for one digest of its words."""
    payload = {"call_id": call_id, "question_id": question_id, "digest": digest}
    return NewJob(SCORE, payload, f"score:{call_id}:{question_id}:{digest}")


def analyse_job(call_id: str, cause: str, after_s: float = 0.0) -> NewJob:
    """Analyse a call. ``cause`` keeps apart what must not be taken for a repeat of one another."""
    return NewJob(ANALYSE, {"call_id": call_id, "cause": cause}, f"{analyses_of(call_id)}{cause}", after_s)


def analyses_of(call_id: str) -> str:
    """What the keys of all analyses of a call begin with."""
    return f"analyse:{call_id}:"


def insights_job(session_id: str) -> NewJob:
    return NewJob(INSIGHTS, {"session_id": session_id}, f"insights:{session_id}")


def rejudge_job(call_id: str, dispute_id: str) -> NewJob:
    return NewJob(REJUDGE, {"call_id": call_id, "dispute_id": dispute_id}, f"rejudge:{dispute_id}")


def again_job(call_id: str, retry_id: str) -> NewJob:
    return NewJob(AGAIN, {"call_id": call_id, "retry_id": retry_id}, f"again:{retry_id}")


def recording_job(call_id: str) -> NewJob:
    """Bring the provider's recording of a call."""
    return NewJob(RECORDING, {"call_id": call_id}, f"recording:{call_id}")


@cache
def _enqueue_sql() -> str:
    from pgqueuer.adapters.persistence.qb import QueryQueueBuilder

    return QueryQueueBuilder().build_enqueue_query("skip")


def preload_queue() -> None:
    """Import the queue's library, which takes a while. Blocks; call it off the event loop."""
    _enqueue_sql()


async def enqueue(db: Connection, jobs: Sequence[NewJob]) -> int:
    """Queue ``jobs`` on this very connection; one whose key waits or runs already is left out.

    Returns how many were queued.
    """
    if not jobs:
        return 0
    rows = await db.fetch(
        _enqueue_sql(),
        [0] * len(jobs),
        [job.kind for job in jobs],
        [msgspec.json.encode(job.payload) for job in jobs],
        [timedelta(seconds=job.after_s) for job in jobs],
        [job.key for job in jobs],
        [None] * len(jobs),
    )
    return len(rows)


async def longest_wait_s(db: Connection) -> float | None:
    """For how many seconds the oldest job that is due has been waiting; None when none is due.

    A database without the queue's tables, before its first migration, has no jobs either.
    """
    if await db.fetchval("SELECT to_regclass('pgqueuer') IS NULL"):
        return None
    waited: float | None = await db.fetchval(
        "SELECT extract(epoch FROM now() - min(execute_after))::float8 FROM pgqueuer "
        "WHERE status = 'queued' AND execute_after <= now()"
    )
    return waited


class PostgresJobs:
    """The queue as seen from outside: add, look, retry."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, *jobs: NewJob) -> int:
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                return await enqueue(db, jobs)

    async def counts(self) -> dict[str, dict[JobState, int]]:
        """How many jobs of each kind are in each state; kinds without a job are left out."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                rows = await db.fetch(
                    "SELECT entrypoint, status::text AS status, count(*) AS n FROM pgqueuer "
                    "GROUP BY 1, 2 ORDER BY 1, 2"
                )
        found: dict[str, dict[JobState, int]] = {}
        for row in rows:
            found.setdefault(row["entrypoint"], {})[_STATES[row["status"]]] = row["n"]
        return found

    async def listing(self, state: JobState | None = None, limit: int = 100) -> list[JobRow]:
        """Oldest first."""
        status = next((name for name, known in _STATES.items() if known is state), None)
        return await self._rows(status, None, limit)

    async def show(self, job_id: int) -> JobRow:
        """Raises NotFound for a job that is done, or never was."""
        rows = await self._rows(None, job_id, 1)
        if not rows:
            raise NotFound("no such job: it is done, or there never was one")
        return rows[0]

    async def retry(self, job_ids: Iterable[int] | None = None) -> list[int]:
        """Queue failed jobs again, all or those named; the ids that were queued."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                rows = await db.fetch(_RETRY, None if job_ids is None else list(job_ids))
        return sorted(row["id"] for row in rows)

    async def is_given_up(self, key_prefix: str) -> bool:
        """Whether jobs whose keys begin so are kept as failed, and none waits or runs."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                found: bool = await db.fetchval(
                    "SELECT coalesce(bool_and(status = 'failed'), false) FROM pgqueuer "
                    "WHERE starts_with(dedupe_key, $1)",
                    key_prefix,
                )
        return found

    async def forget_old(self) -> None:
        """Drop the log of what was done long ago."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                await db.execute(
                    "DELETE FROM pgqueuer_log WHERE created < now() - make_interval(days => $1)", LOG_DAYS
                )

    async def _rows(self, status: str | None, job_id: int | None, limit: int) -> list[JobRow]:
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                rows = await db.fetch(_LIST, status, job_id, limit)
        return [_to_row(row) for row in rows]


def _to_row(row: asyncpg.Record) -> JobRow:
    return JobRow(
        id=row["id"],
        kind=row["entrypoint"],
        state=_STATES[row["status"]],
        key=row["dedupe_key"] or "",
        payload=read_payload(row["payload"]),
        attempts=row["attempts"],
        created_at=row["created"],
        due_at=row["execute_after"],
        why=_why(row["traceback"]),
    )


def read_payload(raw: bytes | None) -> dict[str, str]:
    return msgspec.json.decode(raw or b"{}", type=dict[str, str])


def _why(traceback: Any) -> str:
    return str(traceback.get("exception_message", "")) if isinstance(traceback, dict) else ""
