"""Calls as they are seen after (or from outside of) the turn loop: read whole, ended, corrected.

Every transaction here locks the response first and the session second, like `storage.calls`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from interview.model import Move, Question, SessionStatus
from storage.calls import ENDS, move_session
from storage.jobs import enqueue
from storage.ports import CallRecord, NewJob, NotFound, StoredAnswer, StoredUtterance
from storage.results import (
    FEEDBACK_COLUMNS,
    REVIEWED,
    SCORE_COLUMNS,
    to_evaluation,
    to_feedback,
)
from storage.rows import (
    ANSWER_COLUMNS,
    PLANNED_QUESTIONS,
    QUESTION_COLUMNS,
    QUESTION_RECORD,
    RESPONSE_COLUMNS,
    SESSION_COLUMNS,
    UTTERANCE_COLUMNS,
    question_rows,
    to_answer,
    to_question,
    to_response,
    to_session,
    to_utterance,
)
from storage.wire import ACQUIRE_S, Connection, Pool, guard

SWEEP_LIMIT: Final = 100

_STUCK: Final = """
SELECT call_id, transport, status, is_ended, is_analysed, created_at,
    coalesce(ended_at, created_at) AS since FROM mock_interview_responses
WHERE NOT is_analysed AND created_at < $1
ORDER BY created_at LIMIT $2
"""

_REWRITE: Final = f"""
WITH said AS (
    INSERT INTO mock_interview_utterances (call_id, {UTTERANCE_COLUMNS})
    SELECT $1::text, x.* FROM jsonb_to_recordset($3::jsonb)
        AS x(turn integer, speaker text, text text, persona text, question_id text)
), answered AS (
    INSERT INTO mock_interview_answers (call_id, {ANSWER_COLUMNS})
    SELECT $1::text, x.* FROM jsonb_to_recordset($4::jsonb) AS x(turn integer, question_id text, text text,
        start_ms integer, duration_ms integer, words jsonb, delivery jsonb, audio_uri text)
)
INSERT INTO mock_interview_questions (session_id, call_id, {QUESTION_COLUMNS})
SELECT $2::text, $1::text, x.* FROM jsonb_to_recordset($5::jsonb) AS x{QUESTION_RECORD}
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. ``status``: completed, cancelled, abandoned or interrupted."""

    status: SessionStatus
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that was never analysed, for the sweeper. ``since``: when it ended, else when it was made."""

    call_id: str
    transport: str
    status: str
    is_ended: bool
    is_analysed: bool
    created_at: datetime
    since: datetime


class PostgresRuns:
    """On a pool from `wire.open_pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db, db.transaction():
                yield db

    async def record(self, call_id: str) -> CallRecord:
        """Everything about one call, as of one moment. Raises NotFound."""
        with guard():
            async with (
                self._pool.acquire(timeout=ACQUIRE_S) as db,
                db.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await _record(db, call_id)

    async def begin(self, call_id: str, event: str) -> bool:
        """The provider says that the call has begun. False when it was told before, or is further on.

        Raises NotFound for a call nobody registered.
        """
        async with self._transaction() as db:
            if not await _receipt(db, event, call_id):
                return False
            session_id = await db.fetchval(
                "UPDATE mock_interview_responses SET status = 'in_progress' "
                "WHERE call_id = $1 AND status = 'created' RETURNING session_id",
                call_id,
            )
            if session_id is not None:
                await _move(db, session_id, Move.START)
        return session_id is not None

    async def end(
        self,
        call_id: str,
        ending: Ending | None,
        jobs: Sequence[NewJob],
        *,
        event: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> bool:
        """Close the run for good, unless it is closed, and queue ``jobs``; False for a repeated ``event``.

        ``ending`` None leaves the run as it is. ``details`` is the provider's record of the call, kept.
        Raises NotFound for a call nobody registered.
        """
        async with self._transaction() as db:
            if event is not None and not await _receipt(db, event, call_id):
                return False
            row = await db.fetchrow(
                "UPDATE mock_interview_responses SET details = coalesce($2, details) WHERE call_id = $1 "
                "RETURNING session_id, status, is_ended",
                call_id,
                details,
            )
            if row is None:
                raise NotFound("no such call")
            if ending is not None and not row["is_ended"]:
                await _close(db, call_id, row, ending)
            await enqueue(db, jobs)
        return True

    async def rewrite(
        self,
        call_id: str,
        utterances: Sequence[StoredUtterance],
        answers: Sequence[StoredAnswer],
        follow_ups: Sequence[Question],
    ) -> None:
        """Replace what was said by a better record of it."""
        async with self._transaction() as db:
            session_id = await db.fetchval(
                "SELECT session_id FROM mock_interview_responses WHERE call_id = $1 FOR NO KEY UPDATE",
                call_id,
            )
            if session_id is None:
                raise NotFound("no such call")
            for table in ("utterances", "answers", "questions"):
                await db.execute(f"DELETE FROM mock_interview_{table} WHERE call_id = $1", call_id)
            await db.execute(
                _REWRITE,
                call_id,
                session_id,
                [msgspec.to_builtins(line) for line in utterances],
                [msgspec.to_builtins(answer) for answer in answers],
                question_rows(follow_ups),
            )

    async def add_times(self, call_id: str, answers: Sequence[StoredAnswer]) -> None:
        """Add the times of words to answers that have none; their texts stay."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                await db.executemany(
                    "UPDATE mock_interview_answers SET words = $3, start_ms = $4, duration_ms = $5 "
                    "WHERE call_id = $1 AND turn = $2 AND words IS NULL",
                    [(call_id, a.turn, a.words, a.start_ms, a.duration_ms) for a in answers if a.words],
                )

    async def add_recording(self, call_id: str, recording: dict[str, Any]) -> None:
        """The provider's recording is in the object store. Raises NotFound when the call was deleted."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                known = await db.fetchval(
                    "UPDATE mock_interview_responses SET recording = $2 WHERE call_id = $1 RETURNING call_id",
                    call_id,
                    recording,
                )
        if known is None:
            raise NotFound("no such call")

    async def unanalysed(self, before: datetime) -> list[OpenRun]:
        """Runs made before then and not analysed yet, oldest first; a hundred at most."""
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as db:
                rows = await db.fetch(_STUCK, before, SWEEP_LIMIT)
        return [OpenRun(**dict(row)) for row in rows]


async def _record(db: Connection, call_id: str) -> CallRecord:
    row = await db.fetchrow(
        f"SELECT {RESPONSE_COLUMNS}, details, analysis_digest, recording FROM mock_interview_responses "
        "WHERE call_id = $1",
        call_id,
    )
    if row is None:
        raise NotFound("no such call")
    fields = dict(row)
    more = {name: fields.pop(name) for name in ("details", "analysis_digest", "recording")}
    response = to_response(fields)

    async def of_call(columns: str, table: str, order: str, where: str = "") -> list[asyncpg.Record]:
        return await db.fetch(
            f"SELECT {columns} FROM mock_interview_{table} WHERE call_id = $1 {where} ORDER BY {order}",
            call_id,
        )

    session = await db.fetchrow(
        f"SELECT {SESSION_COLUMNS}, {PLANNED_QUESTIONS} FROM mock_interview_sessions s WHERE s.id = $1",
        response.session_id,
    )
    assert session is not None  # the foreign key, and one snapshot for all statements
    scores = await of_call(SCORE_COLUMNS, "scores", "id", "AND question_id IS NOT NULL")
    judged = await of_call(REVIEWED, "evaluations", "question_id")
    coached = await of_call(FEEDBACK_COLUMNS, "feedback", "id", "AND question_id IS NOT NULL")
    return CallRecord(
        stored=to_session(session),
        response=response,
        follow_ups=tuple(to_question(r) for r in await of_call(QUESTION_COLUMNS, "questions", "position")),
        utterances=tuple(
            to_utterance(r) for r in await of_call(UTTERANCE_COLUMNS, "utterances", "turn, speaker")
        ),
        answers=tuple(to_answer(r) for r in await of_call(ANSWER_COLUMNS, "answers", "turn")),
        evaluations={
            r["question_id"]: to_evaluation(r, [s for s in scores if s["question_id"] == r["question_id"]])
            for r in judged
        },
        feedback={r["question_id"]: to_feedback(r) for r in coached},
        **more,
    )


async def _receipt(db: Connection, event: str, call_id: str) -> bool:
    """True for the first notice of this kind about this call."""
    first = await db.fetchval(
        "INSERT INTO webhook_receipts (event, call_id) VALUES ($1, $2) ON CONFLICT DO NOTHING "
        "RETURNING call_id",
        event,
        call_id,
    )
    return first is not None


async def _close(db: Connection, call_id: str, row: asyncpg.Record, ending: Ending) -> None:
    await db.execute(
        "UPDATE mock_interview_responses SET status = $2, is_ended = true, end_reason = $3, ended_at = $4 "
        "WHERE call_id = $1",
        call_id,
        ending.status,
        ending.reason,
        ending.at,
    )
    if row["status"] == SessionStatus.CREATED and ending.status is not SessionStatus.ABANDONED:
        await _move(db, row["session_id"], Move.START)  # nobody told us that it had begun
    await _move(db, row["session_id"], ENDS[ending.status])


async def _move(db: Connection, session_id: str, move: Move) -> None:
    row = await db.fetchrow(
        f"SELECT {SESSION_COLUMNS} FROM mock_interview_sessions s WHERE s.id = $1 FOR NO KEY UPDATE",
        session_id,
    )
    if row is not None:
        await move_session(db, to_session(row, questions=False).session, move)
