"""What a live call writes, in PostgreSQL (`ports.CallStore`).

Every transaction here locks the response first and the session second.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from interview.errors import IllegalTransition
from interview.events import EndReason
from interview.model import TRANSITIONS, InterviewSession, Move, SessionStatus
from storage.jobs import analyse_job, enqueue, score_job
from storage.ports import UNOPENED, CallChanges, Closed, Fenced, NotFound, OpenCall, StorageError
from storage.rows import (
    ANSWER_COLUMNS,
    QUESTION_COLUMNS,
    QUESTION_RECORD,
    SESSION_COLUMNS,
    UTTERANCE_COLUMNS,
    question_rows,
    to_open_call,
    to_session,
)
from storage.wire import Connection, Pool, acquired, guard

RETURN_S: Final = 300.0
"""A dropped candidate who comes back within this finds the interview as it was, not analysed."""

ENDS: Final = {
    SessionStatus.COMPLETED: Move.COMPLETE,
    SessionStatus.CANCELLED: Move.CANCEL,
    SessionStatus.ABANDONED: Move.ABANDON,
    SessionStatus.INTERRUPTED: Move.INTERRUPT,
}

_STARTS_FROM: Final = [
    status for status, ways in TRANSITIONS.items() if ways.get(Move.START, status) is not status
]

_OPEN = "SELECT mock_interview_open_call($1, $2)"

# The lock makes sure that nobody opens it between the look at its fence and the function.
_OPEN_FIRST = f"""
WITH untouched AS MATERIALIZED (
    SELECT FROM mock_interview_responses WHERE call_id = $1 AND fence = {UNOPENED} FOR NO KEY UPDATE
)
SELECT mock_interview_open_call($1, $2) FROM untouched
"""

# One statement, so one round trip and one transaction. The lock on the row of the response makes the
# fence decide: a newer owner's open_call comes wholly before (no row matches) or wholly after.
_SAVE = f"""
WITH owned AS (
    UPDATE mock_interview_responses SET progress = $3::jsonb
    WHERE call_id = $1 AND fence = $2
    RETURNING call_id, session_id
), gone AS (
    DELETE FROM mock_interview_utterances u
    USING owned, jsonb_to_recordset($4::jsonb) AS x(turn integer, speaker text)
    WHERE u.call_id = owned.call_id AND u.turn = x.turn AND u.speaker = x.speaker
), heard AS (
    INSERT INTO mock_interview_utterances (call_id, {UTTERANCE_COLUMNS})
    SELECT owned.call_id, x.* FROM owned, jsonb_to_recordset($5::jsonb)
        AS x(turn integer, speaker text, text text, persona text, question_id text)
    ON CONFLICT (call_id, turn, speaker) DO UPDATE
    SET text = excluded.text, persona = excluded.persona, question_id = excluded.question_id
), answered AS (
    INSERT INTO mock_interview_answers AS a ({ANSWER_COLUMNS}, call_id)
    SELECT x.*, owned.call_id FROM owned, jsonb_to_recordset($6::jsonb)
        AS x(turn integer, question_id text, text text, start_ms integer, duration_ms integer,
             words jsonb, delivery jsonb, audio_uri text)
    ON CONFLICT (call_id, turn) DO UPDATE
    SET question_id = excluded.question_id, text = excluded.text,
        start_ms = coalesce(excluded.start_ms, a.start_ms),
        duration_ms = coalesce(excluded.duration_ms, a.duration_ms),
        words = coalesce(excluded.words, a.words), delivery = coalesce(excluded.delivery, a.delivery),
        audio_uri = coalesce(excluded.audio_uri, a.audio_uri)
), followed AS (
    INSERT INTO mock_interview_questions (session_id, call_id, {QUESTION_COLUMNS})
    SELECT owned.session_id, owned.call_id, x.id, x.position + (
            SELECT coalesce(max(q.position) + 1, 0) FROM mock_interview_questions q
            WHERE q.call_id = owned.call_id),
        x.text, x.type, x.block, x.persona, x.difficulty, x.competencies, x.looks_for, x.angles,
        x.time_limit_s, x.max_probes, x.parent_id, x.reason, x.bank_id
    FROM owned, jsonb_to_recordset($7::jsonb) AS x{QUESTION_RECORD}
    ON CONFLICT (session_id, call_id, id) DO UPDATE
    SET text = excluded.text, reason = excluded.reason, parent_id = excluded.parent_id
)
SELECT count(*) FROM owned
"""

_END = """
UPDATE mock_interview_responses
SET status = $3::text, is_ended = $3::text <> 'interrupted', end_reason = $4, ended_at = $5
WHERE call_id = $1 AND fence = $2 AND NOT is_ended
RETURNING session_id
"""


class PostgresCalls:
    """`ports.CallStore` on a pool from `wire.open_pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open_call(self, call_id: str, *, first: bool = False) -> OpenCall:
        with guard():
            async with acquired(self._pool) as db:
                opened = await db.fetchval(_OPEN_FIRST if first else _OPEN, call_id, _STARTS_FROM)
                if opened is None:
                    over = "this call is over, or its interview was cancelled"
                    refusal = Fenced(f"opened by somebody else, or {over}") if first else Closed(over)
                    raise await _why_not(db, call_id, refusal)
        return to_open_call(opened)

    async def save_call(self, call_id: str, fence: int, changes: CallChanges) -> None:
        heard = {(line.turn, line.speaker): line for line in changes.utterances}
        answers = {answer.turn: answer for answer in changes.answers}
        follow_ups = {question.id: question for question in changes.follow_ups}
        removed = [
            {"turn": turn, "speaker": speaker}
            for turn, speaker in changes.removed
            if (turn, speaker) not in heard
        ]
        values = (
            changes.progress,
            removed,
            [msgspec.to_builtins(line) for line in heard.values()],
            [msgspec.to_builtins(answer) for answer in answers.values()],
            question_rows(follow_ups.values()),
        )
        jobs = [score_job(call_id, question_id, digest) for question_id, digest in changes.finished]
        with guard():
            async with acquired(self._pool) as db:
                # What has nothing to queue stays one round trip.
                async with db.transaction() if jobs else nullcontext():
                    owned = await db.fetchval(_SAVE, call_id, fence, *values)
                    if owned:
                        await enqueue(db, jobs)
                if not owned:
                    raise await _why_not(db, call_id, Fenced("a newer owner holds this call"))

    async def end_call(self, call_id: str, fence: int, *, status: str, reason: str, at: datetime) -> None:
        move = ENDS.get(SessionStatus(status))
        if move is None:
            raise ValueError(f"a call cannot end as {status}")
        with guard():
            async with acquired(self._pool) as db, db.transaction():
                session_id = await db.fetchval(_END, call_id, fence, status, reason, at)
                if session_id is None:
                    stored_fence = await db.fetchval(
                        "SELECT fence FROM mock_interview_responses WHERE call_id = $1", call_id
                    )
                    if stored_fence == fence:
                        return
                    raise await _why_not(db, call_id, Fenced("a newer owner holds this call"))
                row = await _one(
                    db,
                    f"SELECT {SESSION_COLUMNS} FROM mock_interview_sessions s WHERE s.id = $1 "
                    "FOR NO KEY UPDATE",
                    session_id,
                )
                # A session with no such way (cancelled, completed by another guest) stays; the run ends.
                await move_session(db, to_session(row, questions=False).session, move)
                wait = return_wait_s(move is not Move.INTERRUPT, reason)
                await enqueue(db, [analyse_job(call_id, f"{status}:{fence}", wait)])


def return_wait_s(ended: bool, reason: str | None) -> float:
    """How long the analysis of a call that stopped for ``reason`` waits for the candidate to come back.

    ``ended``: nobody can. Who hung up chose to, may come back too, and looks at the scorecard first.
    """
    return 0.0 if ended or reason == EndReason.HUNG_UP else RETURN_S


async def move_session(db: Connection, session: InterviewSession, move: Move) -> InterviewSession:
    """Store the session after ``move``; one that has no such way stays as it is."""
    try:
        moved = session.move(move)
    except IllegalTransition:
        return session
    if moved.status is session.status:
        return session
    await db.execute(
        "UPDATE mock_interview_sessions SET status = $2, version = $3, updated_at = now() WHERE id = $1",
        moved.id,
        moved.status,
        moved.version,
    )
    return moved


async def _one(db: Connection, sql: str, *keys: str) -> asyncpg.Record:
    row = await db.fetchrow(sql, *keys)
    if row is None:  # the foreign key and the lock on the response forbid it
        raise NotFound("no such interview")
    return row


async def _why_not(db: Connection, call_id: str, error: StorageError) -> StorageError:
    """``error`` when the call is known, else NotFound."""
    known = await db.fetchval("SELECT call_id FROM mock_interview_responses WHERE call_id = $1", call_id)
    return NotFound("no such call") if known is None else error
