"""What judge, coach and analyst found, in PostgreSQL: scores, feedback, analytics, insights.

Every write names the digest of the words it is about and does nothing when that was written before: a
worker may die and its job be run again at any point.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from interview.evaluation import Evaluation, Feedback
from interview.rubric import Dimension
from interview.threads import Place
from storage.jobs import enqueue
from storage.ports import NewJob, NotFound, StoredEvaluation, StoredFeedback
from storage.rows import Row
from storage.score_news import ScoreNews, tell_scored
from storage.wire import ACQUIRE_S, Connection, Pool, guard

LOCK_S: Final = 60.0
"""How long an analysis waits for another one of the same call."""
_LOCK: Final = "hashtextextended('viva call ' || $1, 0)"
OVERALL: Final = "overall"

EVALUATION_COLUMNS: Final = "question_id, digest, overall, reason, confidence, flags, provenance"
REVIEWED: Final = f"{EVALUATION_COLUMNS}, reviews"
SCORE_COLUMNS: Final = (
    "question_id, dimension, score, reason, rationale, evidence, confidence, spread, provenance"
)
FEEDBACK_COLUMNS: Final = "question_id, digest, coach_tips, action_items, learning_tags, better, provenance"

# The condition makes the row the judge of who was first: only one writer of a digest gets a row back.
_EVALUATED: Final = f"""
INSERT INTO mock_interview_evaluations AS e (call_id, {EVALUATION_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (call_id, question_id) DO UPDATE
SET digest = excluded.digest, overall = excluded.overall, reason = excluded.reason,
    confidence = excluded.confidence, flags = excluded.flags, provenance = excluded.provenance,
    revisions = e.revisions + 1, updated_at = now()
WHERE e.digest <> excluded.digest
RETURNING revisions
"""

_SCORED: Final = f"""
INSERT INTO mock_interview_scores (call_id, {SCORE_COLUMNS})
SELECT $1::text, x.* FROM jsonb_to_recordset($2::jsonb) AS x(question_id text, dimension text, score integer,
    reason text, rationale text, evidence jsonb, confidence text, spread integer, provenance jsonb)
ON CONFLICT (call_id, question_id, dimension) DO UPDATE
SET score = excluded.score, reason = excluded.reason, rationale = excluded.rationale,
    evidence = excluded.evidence, confidence = excluded.confidence, spread = excluded.spread,
    provenance = excluded.provenance, created_at = now()
"""

_PLACED: Final = """
UPDATE mock_interview_scores s SET evidence = x.evidence
FROM jsonb_to_recordset($4::jsonb) AS x(dimension text, evidence jsonb)
WHERE s.call_id = $1 AND s.question_id = $2 AND s.dimension = x.dimension AND EXISTS (
    SELECT FROM mock_interview_evaluations e
    WHERE e.call_id = $1 AND e.question_id = $2 AND e.digest = $3)
"""

_COACHED: Final = f"""
INSERT INTO mock_interview_feedback AS f (call_id, {FEEDBACK_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (call_id, question_id) DO UPDATE
SET digest = excluded.digest, coach_tips = excluded.coach_tips, action_items = excluded.action_items,
    learning_tags = excluded.learning_tags, better = excluded.better, provenance = excluded.provenance,
    created_at = now()
WHERE f.digest <> excluded.digest
RETURNING id
"""

_ANALYSED: Final = """
UPDATE mock_interview_responses
SET analytics = $2, is_analysed = true, analysis_digest = $3, analysed_at = now()
WHERE call_id = $1 AND analysis_digest IS DISTINCT FROM $3
RETURNING session_id
"""

_MEASURED: Final = """
INSERT INTO mock_interview_metrics (call_id, name, value, unit)
SELECT $1::text, x.* FROM jsonb_to_recordset($2::jsonb) AS x(name text, value float8, unit text)
"""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the analysis of a call leaves behind.

    ``results`` goes to the session, over what is there; ``means`` are the call's scores by dimension (and
    ``overall``), None with a reason in ``reasons``; ``metrics`` are (name, value, unit).
    """

    digest: str
    analytics: dict[str, Any]
    results: dict[str, Any]
    means: Mapping[str, int | None]
    reason: str
    feedback: Feedback
    provenance: Mapping[str, Any] = field(default_factory=dict)
    metrics: Sequence[tuple[str, float, str]] = ()


class PostgresResults:
    """On a pool from `wire.open_pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db, db.transaction():
                yield db

    async def save_evaluation(
        self,
        call_id: str,
        question_id: str,
        digest: str,
        evaluation: Evaluation,
        places: Mapping[Dimension, Sequence[Place | None]],
    ) -> bool:
        """All scores of a thread or none; False when these words were judged before.

        ``places``: where each quote lies, in the order of the verdict's quotes. Raises NotFound when the
        call was deleted.
        """
        async with self._transaction() as db:
            written = await db.fetchval(
                _EVALUATED,
                call_id,
                question_id,
                digest,
                evaluation.overall,
                evaluation.reason,
                evaluation.confidence,
                list(evaluation.flags),
                dict(evaluation.provenance),
            )
            if written is None:
                return False
            await save_scores(db, call_id, question_id, evaluation, places)
            await tell_scored(db, ScoreNews(call_id, question_id, evaluation.overall))
        return True

    async def save_places(
        self,
        call_id: str,
        question_id: str,
        digest: str,
        evaluation: Evaluation,
        places: Mapping[Dimension, Sequence[Place | None]],
    ) -> None:
        """Put times that became known later into the quotes of stored scores; nothing else changes."""
        rows = [
            {
                "dimension": verdict.dimension,
                "evidence": [
                    _evidence(quote, place)
                    for quote, place in zip(verdict.quotes, places.get(verdict.dimension, ()), strict=True)
                ],
            }
            for verdict in evaluation.verdicts
        ]
        async with self._transaction() as db:
            await db.execute(_PLACED, call_id, question_id, digest, rows)

    async def save_feedback(self, call_id: str, question_id: str, digest: str, feedback: Feedback) -> bool:
        """False when there is feedback on these words already."""
        async with self._transaction() as db:
            return await _save_feedback(db, call_id, question_id, digest, feedback)

    @asynccontextmanager
    async def alone_with(self, call_id: str) -> AsyncIterator[None]:
        """Nobody else, on any server, is in such a block for ``call_id``.

        Raises StorageDown when it is not free within a minute.
        """
        with guard():
            db = await self._pool.acquire(timeout=ACQUIRE_S)
        try:
            with guard():
                await db.execute(f"SELECT pg_advisory_lock({_LOCK})", call_id, timeout=LOCK_S)
            try:
                yield
            finally:
                await _unlock(db, call_id)
        finally:
            await self._pool.release(db)

    async def save_analysis(self, call_id: str, analysis: Analysis, jobs: Sequence[NewJob] = ()) -> bool:
        """All of it or nothing; False when this very state was analysed before."""
        async with self._transaction() as db:
            session_id = await db.fetchval(_ANALYSED, call_id, analysis.analytics, analysis.digest)
            if session_id is None:
                return False
            await db.execute(
                "UPDATE mock_interview_sessions SET results = coalesce(results, '{}') || $2, "
                "updated_at = now() WHERE id = $1",
                session_id,
                analysis.results,
            )
            rows: list[dict[str, Any]] = [
                {
                    "question_id": None,
                    "dimension": name,
                    "score": value,
                    "reason": None if value is not None else analysis.reason,
                    "evidence": [],
                    "confidence": "medium",
                    "spread": 0,
                    "provenance": dict(analysis.provenance),
                }
                for name, value in analysis.means.items()
            ]
            await db.execute(_SCORED, call_id, rows)
            await db.execute("DELETE FROM mock_interview_metrics WHERE call_id = $1", call_id)
            await db.execute(
                _MEASURED,
                call_id,
                [{"name": name, "value": value, "unit": unit} for name, value, unit in analysis.metrics],
            )
            await _save_feedback(db, call_id, None, analysis.digest, analysis.feedback)
            await enqueue(db, jobs)
        return True

    async def save_insights(
        self, session_id: str, insights: dict[str, Any], provenance: Mapping[str, Any]
    ) -> int:
        """Keep them as a new version and show them in the session's results; the version's number."""
        async with self._transaction() as db:
            known = await db.fetchval(
                "SELECT id FROM mock_interview_sessions WHERE id = $1 FOR NO KEY UPDATE", session_id
            )
            if known is None:
                raise NotFound("no such interview")
            version: int = await db.fetchval(
                "INSERT INTO mock_interview_insights (session_id, version, insights, provenance) "
                "SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM mock_interview_insights "
                "WHERE session_id = $1 RETURNING version",
                session_id,
                insights,
                dict(provenance),
            )
            await db.execute(
                "UPDATE mock_interview_sessions SET results = coalesce(results, '{}') || $2, "
                "updated_at = now() WHERE id = $1",
                session_id,
                {"insights": insights | {"version": version}},
            )
        return version

    async def scores_of(self, session_id: str) -> list[dict[str, Any]]:
        """Every score of every call of an interview; those of a whole call have no question."""
        return await self._of_session(
            f"SELECT s.call_id, {_prefixed('s', SCORE_COLUMNS)}, s.created_at FROM mock_interview_scores s "
            "JOIN mock_interview_responses r USING (call_id) WHERE r.session_id = $1 ORDER BY s.id",
            session_id,
        )

    async def evaluations_of(self, session_id: str) -> list[dict[str, Any]]:
        """One row per judged question of every call of an interview."""
        return await self._of_session(
            f"SELECT e.call_id, {_prefixed('e', EVALUATION_COLUMNS)}, e.updated_at "
            "FROM mock_interview_evaluations e JOIN mock_interview_responses r USING (call_id) "
            "WHERE r.session_id = $1 ORDER BY e.created_at, e.question_id",
            session_id,
        )

    async def feedback_of(self, session_id: str) -> list[dict[str, Any]]:
        return await self._of_session(
            f"SELECT f.call_id, {_prefixed('f', FEEDBACK_COLUMNS)}, f.created_at "
            "FROM mock_interview_feedback f JOIN mock_interview_responses r USING (call_id) "
            "WHERE r.session_id = $1 ORDER BY f.id",
            session_id,
        )

    async def _of_session(self, sql: str, session_id: str) -> list[dict[str, Any]]:
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                return [dict(row) for row in await db.fetch(sql, session_id)]


async def save_scores(
    db: Connection,
    call_id: str,
    question_id: str,
    evaluation: Evaluation,
    places: Mapping[Dimension, Sequence[Place | None]],
    marks: Mapping[Dimension, Mapping[str, Any]] | None = None,
) -> None:
    """Write the rows of one answer's dimensions. ``marks`` adds to where single scores come from."""
    rows = [
        {
            "question_id": question_id,
            "dimension": verdict.dimension,
            "score": verdict.value,
            "reason": verdict.reason or None,
            "rationale": verdict.rationale or None,
            "evidence": [
                _evidence(quote, place)
                for quote, place in zip(verdict.quotes, places.get(verdict.dimension, ()), strict=True)
            ],
            "confidence": verdict.confidence,
            "spread": verdict.spread,
            "provenance": {**evaluation.provenance, **(marks or {}).get(verdict.dimension, {})},
        }
        for verdict in evaluation.verdicts
    ]
    await db.execute(_SCORED, call_id, rows)


async def _unlock(db: Connection, call_id: str) -> None:
    """The pool gives a connection to the next user as it is: a lock that is not given up would stay."""
    if db.is_closed():
        return
    try:
        await db.execute(f"SELECT pg_advisory_unlock({_LOCK})", call_id)
    except BaseException:
        db.terminate()
        raise


async def _save_feedback(
    db: Connection, call_id: str, question_id: str | None, digest: str, feedback: Feedback
) -> bool:
    written = await db.fetchval(
        _COACHED,
        call_id,
        question_id,
        digest,
        list(feedback.tips),
        msgspec.to_builtins(feedback.actions),
        list(feedback.tags),
        feedback.better,
        dict(feedback.provenance),
    )
    return written is not None


def _evidence(quote: Any, place: Place | None) -> dict[str, Any]:
    """A quote as it is stored: its place among the thread's words, in its answer and in the sound."""
    known: dict[str, Any] = msgspec.to_builtins(place) if place else {}
    return {
        "text": quote.text,
        "start": quote.start,
        "end": quote.end,
        "turn": known.get("turn"),
        "from": known.get("start"),
        "to": known.get("end"),
        "start_s": known.get("start_s"),
        "end_s": known.get("end_s"),
    }


def to_evaluation(row: Row, scores: Sequence[Row]) -> StoredEvaluation:
    """A row of `REVIEWED` with its rows of `SCORE_COLUMNS`."""
    fields = dict(row)
    order = list(Dimension)
    verdicts = [
        {
            "dimension": score["dimension"],
            "value": score["score"],
            "reason": score["reason"] or "",
            "rationale": score["rationale"] or "",
            "quotes": [{key: quote[key] for key in ("text", "start", "end")} for quote in score["evidence"]],
            "confidence": score["confidence"],
            "spread": score["spread"],
        }
        for score in sorted(scores, key=lambda score: order.index(Dimension(score["dimension"])))
    ]
    return StoredEvaluation(
        fields.pop("question_id"),
        fields.pop("digest"),
        msgspec.convert(fields | {"verdicts": verdicts}, Evaluation),
        fields.pop("reviews", 0),
    )


def to_feedback(row: Row) -> StoredFeedback:
    """A row of `FEEDBACK_COLUMNS`."""
    fields = dict(row)
    return StoredFeedback(
        fields["question_id"],
        fields["digest"],
        msgspec.convert(
            {
                "tips": fields["coach_tips"],
                "better": fields["better"],
                "actions": fields["action_items"],
                "tags": fields["learning_tags"],
                "provenance": fields["provenance"],
            },
            Feedback,
        ),
    )


def _prefixed(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{column}" for column in columns.split(", "))
