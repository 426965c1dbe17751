"""Second looks at scores in PostgreSQL: disputes, overrides, further tries; each with its audit line.

What is in force is written over evaluations and scores, so that every reader sees the same numbers; what was
there before stays in the review.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from interview.evaluation import Evaluation, Feedback
from interview.rubric import Dimension
from interview.threads import Place
from storage.jobs import enqueue
from storage.ports import NewJob, Stale, StoredEvaluation
from storage.results import save_scores
from storage.wire import ACQUIRE_S, Connection, Pool, clean, guard

Places = Mapping[Dimension, Sequence[Place | None]]

_IN_FORCE: Final = """
UPDATE mock_interview_evaluations
SET overall = $5, reason = $6, confidence = $7, flags = $8, provenance = $9, reviews = reviews + 1,
    updated_at = now()
WHERE call_id = $1 AND question_id = $2 AND digest = $3 AND reviews = $4
RETURNING reviews
"""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A candidate's doubt about one answer's scores. ``after`` None: it has not been judged again yet."""

    id: str
    question_id: str
    digest: str
    reason: str
    by: str
    at: datetime
    before: Evaluation
    after: Evaluation | None = None
    judged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredOverride:
    """One dimension as a person valued it. ``original``: what the judge had found, None for not assessed."""

    id: str
    question_id: str
    digest: str
    dimension: Dimension
    value: int
    original: int | None
    reason: str
    by: str
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Retry:
    """A question answered again afterwards. ``evaluation`` None: it has not been judged yet."""

    id: str
    question_id: str
    text: str
    by: str
    at: datetime
    evaluation: Evaluation | None = None
    feedback: Feedback | None = None
    judged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reviews:
    """All second looks at one call, oldest first."""

    disputes: tuple[Dispute, ...] = ()
    overrides: tuple[StoredOverride, ...] = ()
    retries: tuple[Retry, ...] = ()

    def overrides_of(self, question_id: str, digest: str) -> tuple[StoredOverride, ...]:
        """Those about these very words; later ones outrank earlier ones."""
        return tuple(o for o in self.overrides if (o.question_id, o.digest) == (question_id, digest))


@dataclass(frozen=True, slots=True)
class InForce:
    """What shall be in force for an answer in place of ``known``. ``marks``: where a score comes from."""

    known: StoredEvaluation
    evaluation: Evaluation
    places: Places
    marks: Mapping[Dimension, Mapping[str, Any]] = field(default_factory=dict)


class PostgresReviews:
    """On a pool from `wire.open_pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db, db.transaction():
                yield db

    async def of_call(self, call_id: str) -> Reviews:
        async with self._transaction() as db:
            disputes = await _rows(db, "disputes", call_id)
            overrides = await _rows(db, "overrides", call_id)
            retries = await _rows(db, "retries", call_id)
        return Reviews(
            tuple(msgspec.convert(row, Dispute) for row in disputes),
            tuple(msgspec.convert(row, StoredOverride) for row in overrides),
            tuple(msgspec.convert(row, Retry) for row in retries),
        )

    async def add_dispute(self, call_id: str, dispute: Dispute, jobs: Sequence[NewJob]) -> None:
        """Raises Duplicate when these words were disputed before."""
        async with self._transaction() as db:
            await db.execute(
                "INSERT INTO mock_interview_disputes "
                "(id, call_id, question_id, digest, reason, by, at, before) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                dispute.id,
                call_id,
                dispute.question_id,
                dispute.digest,
                clean(dispute.reason),
                dispute.by,
                dispute.at,
                msgspec.to_builtins(dispute.before),
            )
            told = {"question_id": dispute.question_id, "dispute_id": dispute.id}
            await log_action(db, dispute.by, "score.disputed", call_id, told)
            await enqueue(db, jobs)

    async def settle_dispute(
        self, call_id: str, dispute: Dispute, after: Evaluation, at: datetime, effect: InForce | None
    ) -> bool:
        """Keep the second judgement and put ``effect`` in force; False when that was done before.

        Raises Stale when the answer's scores have changed since they were read.
        """
        async with self._transaction() as db:
            settled = await db.fetchval(
                "UPDATE mock_interview_disputes SET after = $2, judged_at = $3 "
                "WHERE id = $1 AND after IS NULL RETURNING id",
                dispute.id,
                msgspec.to_builtins(after),
                at,
            )
            if settled is None:
                return False
            if effect is not None:
                await _put_in_force(db, call_id, effect)
            told = {"question_id": dispute.question_id, "dispute_id": dispute.id}
            scores = {"before": dispute.before.overall, "after": after.overall}
            await log_action(db, "viva", "score.rejudged", call_id, told | scores)
        return True

    async def add_override(
        self, call_id: str, override: StoredOverride, effect: InForce, jobs: Sequence[NewJob]
    ) -> None:
        """Raises Stale when the answer's scores have changed since they were read."""
        async with self._transaction() as db:
            await _put_in_force(db, call_id, effect)
            await db.execute(
                "INSERT INTO mock_interview_overrides (id, call_id, question_id, digest, dimension, value, "
                "original, reason, by, role, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                override.id,
                call_id,
                override.question_id,
                override.digest,
                override.dimension,
                override.value,
                override.original,
                clean(override.reason),
                override.by,
                override.role,
                override.at,
            )
            told = {"question_id": override.question_id, "override_id": override.id, "role": override.role}
            scores = {"dimension": override.dimension, "from": override.original, "to": override.value}
            await log_action(db, override.by, "score.overridden", call_id, told | scores)
            await enqueue(db, jobs)

    async def add_retry(self, call_id: str, retry: Retry, jobs: Sequence[NewJob]) -> None:
        """Raises NotFound when the call was deleted."""
        async with self._transaction() as db:
            await db.execute(
                "INSERT INTO mock_interview_retries (id, call_id, question_id, text, by, at) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                retry.id,
                call_id,
                retry.question_id,
                retry.text,
                retry.by,
                retry.at,
            )
            told = {"question_id": retry.question_id, "retry_id": retry.id}
            await log_action(db, retry.by, "answer.again", call_id, told)
            await enqueue(db, jobs)

    async def settle_retry(
        self, retry_id: str, evaluation: Evaluation, feedback: Feedback | None, at: datetime
    ) -> None:
        """Keep what judge and coach make of a further try. The first judgement of it stays."""
        async with self._transaction() as db:
            await db.execute(
                "UPDATE mock_interview_retries SET evaluation = coalesce(evaluation, $2), "
                "feedback = coalesce($3, feedback), judged_at = coalesce(judged_at, $4) WHERE id = $1",
                retry_id,
                msgspec.to_builtins(evaluation),
                msgspec.to_builtins(feedback),
                at,
            )

    async def log_view(self, call_id: str, by: str, role: str) -> None:
        """Somebody else than the candidate has looked at a scorecard."""
        async with self._transaction() as db:
            await log_action(db, by, "scorecard.viewed", call_id, {"role": role})


async def log_action(
    db: Connection, actor: str, action: str, subject: str, details: Mapping[str, Any]
) -> None:
    """One line of the audit log, in the caller's transaction: ids and numbers, nobody's words."""
    await db.execute(
        "INSERT INTO audit_log (actor, action, subject, details) VALUES ($1, $2, $3, $4)",
        actor,
        action,
        subject,
        dict(details),
    )


async def _put_in_force(db: Connection, call_id: str, effect: InForce) -> None:
    known, evaluation = effect.known, effect.evaluation
    written = await db.fetchval(
        _IN_FORCE,
        call_id,
        known.question_id,
        known.digest,
        known.reviews,
        evaluation.overall,
        evaluation.reason,
        evaluation.confidence,
        list(evaluation.flags),
        dict(evaluation.provenance),
    )
    if written is None:
        raise Stale("the scores of this answer have changed")
    await save_scores(db, call_id, known.question_id, evaluation, effect.places, effect.marks)


async def _rows(db: Connection, table: str, call_id: str) -> list[dict[str, Any]]:
    rows: list[asyncpg.Record] = await db.fetch(
        f"SELECT * FROM mock_interview_{table} WHERE call_id = $1 ORDER BY at, id", call_id
    )
    return [dict(row) for row in rows]
