"""Sessions, interviewers and responses in PostgreSQL (`ports.SessionRepository`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from interview.model import InterviewSession, Question, SessionStatus
from storage.ports import (
    AgentInterviewer,
    Duplicate,
    NotFound,
    Stale,
    StoredAnswer,
    StoredResponse,
    StoredSession,
    StoredUtterance,
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
    to_interviewer,
    to_question,
    to_response,
    to_session,
    to_utterance,
)
from storage.wire import ACQUIRE_S, Connection, Pool, clean, guard

_INTERVIEWER = "id, name, description, sliders, voice, retell_agent_id, image"

_ADD_SESSION = f"""
WITH added AS (
    INSERT INTO mock_interview_sessions (id, candidate_id, role, scenario, status, version, wishes,
        link_id, slug, name, interviewer_id, metadata, results, idempotency_key, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (candidate_id, idempotency_key) DO NOTHING
    RETURNING id
), asked AS (
    INSERT INTO mock_interview_questions (session_id, {QUESTION_COLUMNS})
    SELECT added.id, q.* FROM added, jsonb_to_recordset($16::jsonb) AS q{QUESTION_RECORD}
)
SELECT id FROM added
"""

_SAVE_QUESTIONS = f"""
INSERT INTO mock_interview_questions (session_id, {QUESTION_COLUMNS})
SELECT $1::text, q.* FROM jsonb_to_recordset($2::jsonb) AS q{QUESTION_RECORD}
"""

_FIND_SESSION = f"""
SELECT {SESSION_COLUMNS}, {PLANNED_QUESTIONS} FROM mock_interview_sessions s
WHERE (s.id = $1 OR s.link_id = $1 OR s.slug = $1) AND ($2::text IS NULL OR s.candidate_id = $2)
ORDER BY s.id = $1 DESC, s.link_id = $1 DESC
LIMIT 1
"""

_ADD_RESPONSE = f"""
WITH added AS (
    INSERT INTO mock_interview_responses ({RESPONSE_COLUMNS})
    SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::timestamptz, $8::text,
        $9::boolean, $10::boolean, $11::jsonb, $12::jsonb, $13::text, $14::timestamptz, $15::jsonb,
        $16::integer
    WHERE NOT EXISTS (
        SELECT FROM mock_interview_responses
        WHERE session_id = $2::text AND lower(email) = lower($5::text) AND email <> ''
            AND status = 'completed')
    RETURNING id, session_id, call_id, consent, created_at
), agreed AS (
    INSERT INTO consents (session_id, call_id, candidate_id, kind, granted, text_version, locale, at)
    SELECT a.session_id, a.call_id, s.candidate_id, one.key, one.value::boolean,
        a.consent ->> 'version', a.consent ->> 'locale', a.created_at
    FROM added a JOIN mock_interview_sessions s ON s.id = a.session_id,
        jsonb_each_text(a.consent -> 'granted') AS one
)
SELECT id FROM added
"""


class PostgresRepository:
    """`ports.SessionRepository` on a pool from `wire.open_pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with guard():
            async with self._pool.acquire(timeout=ACQUIRE_S) as connection:
                yield connection

    async def interviewers(self) -> list[AgentInterviewer]:
        async with self._connection() as db:
            rows = await db.fetch(f"SELECT {_INTERVIEWER} FROM agent_interviewers ORDER BY name, id")
        return [to_interviewer(row) for row in rows]

    async def interviewer(self, interviewer_id: str) -> AgentInterviewer:
        async with self._connection() as db:
            row = await db.fetchrow(
                f"SELECT {_INTERVIEWER} FROM agent_interviewers WHERE id = $1", interviewer_id
            )
        if row is None:
            raise NotFound("no such interviewer")
        return to_interviewer(row)

    async def put_interviewer(self, interviewer: AgentInterviewer) -> None:
        """Add it, or overwrite the one with its id."""
        async with self._connection() as db:
            await db.execute(
                f"INSERT INTO agent_interviewers ({_INTERVIEWER}) VALUES ($1, $2, $3, $4, $5, $6, $7) "
                "ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, "
                "sliders = excluded.sliders, voice = excluded.voice, "
                "retell_agent_id = excluded.retell_agent_id, image = excluded.image",
                *_interviewer_values(interviewer),
            )

    async def add_interviewers(self, interviewers: tuple[AgentInterviewer, ...]) -> None:
        """Add those whose ids are not there yet and leave the others as they are."""
        async with self._connection() as db:
            await db.executemany(
                f"INSERT INTO agent_interviewers ({_INTERVIEWER}) VALUES ($1, $2, $3, $4, $5, $6, $7) "
                "ON CONFLICT (id) DO NOTHING",
                [_interviewer_values(interviewer) for interviewer in interviewers],
            )

    async def add_session(self, stored: StoredSession) -> StoredSession:
        session = stored.session
        async with self._connection() as db:
            added = await db.fetchval(
                _ADD_SESSION,
                session.id,
                session.candidate_id,
                clean(session.wishes.role),
                session.wishes.scenario,
                session.status,
                session.version,
                msgspec.to_builtins(session.wishes),
                stored.link_id,
                stored.slug,
                clean(stored.name),
                stored.interviewer_id,
                stored.metadata,
                stored.results,
                stored.idempotency_key,
                stored.created_at,
                question_rows(session.questions),
            )
            if added is not None:
                return stored
            row = await db.fetchrow(
                f"SELECT {SESSION_COLUMNS}, {PLANNED_QUESTIONS} FROM mock_interview_sessions s "
                "WHERE s.candidate_id = $1 AND s.idempotency_key = $2",
                session.candidate_id,
                stored.idempotency_key,
            )
        if row is None:
            raise Stale("the first interview under this idempotency key has just been deleted")
        return to_session(row)

    async def save_session(self, session: InterviewSession) -> None:
        async with self._connection() as db, db.transaction():
            saved = await db.fetchval(
                "UPDATE mock_interview_sessions SET status = $2, version = $3, wishes = $4, "
                "updated_at = now() WHERE id = $1 AND version = $3 - 1 RETURNING id",
                session.id,
                session.status,
                session.version,
                msgspec.to_builtins(session.wishes),
            )
            if saved is None:
                known = await db.fetchval("SELECT id FROM mock_interview_sessions WHERE id = $1", session.id)
                raise NotFound("no such interview") if known is None else Stale("the interview has changed")
            if session.status is SessionStatus.CREATED:
                await db.execute(
                    "DELETE FROM mock_interview_questions WHERE session_id = $1 AND call_id IS NULL",
                    session.id,
                )
                await db.execute(_SAVE_QUESTIONS, session.id, question_rows(session.questions))

    async def find_session(self, key: str, candidate_id: str | None = None) -> StoredSession:
        async with self._connection() as db:
            row = await db.fetchrow(_FIND_SESSION, key, candidate_id)
        if row is None:
            raise NotFound("no such interview")
        return to_session(row)

    async def sessions_of(
        self, candidate_id: str, *, status: str | None = None, limit: int = 20, before: datetime | None = None
    ) -> list[StoredSession]:
        async with self._connection() as db:
            rows = await db.fetch(
                f"SELECT {SESSION_COLUMNS} FROM mock_interview_sessions s WHERE s.candidate_id = $1 "
                "AND ($2::text IS NULL OR s.status = $2) AND ($3::timestamptz IS NULL OR s.created_at < $3) "
                "ORDER BY s.created_at DESC, s.id LIMIT $4",
                candidate_id,
                status,
                before,
                limit,
            )
        return [to_session(row, questions=False) for row in rows]

    async def responses_of(self, session_id: str) -> list[StoredResponse]:
        """Oldest first."""
        async with self._connection() as db:
            rows = await db.fetch(
                f"SELECT {RESPONSE_COLUMNS} FROM mock_interview_responses WHERE session_id = $1 "
                "ORDER BY created_at, id",
                session_id,
            )
        return [to_response(row) for row in rows]

    async def response_by_call(self, call_id: str) -> StoredResponse:
        async with self._connection() as db:
            row = await db.fetchrow(
                f"SELECT {RESPONSE_COLUMNS} FROM mock_interview_responses WHERE call_id = $1", call_id
            )
        if row is None:
            raise NotFound("no such call")
        return to_response(row)

    async def emails_of(self, session_id: str) -> set[str]:
        async with self._connection() as db:
            rows = await db.fetch(
                "SELECT DISTINCT lower(email) AS email FROM mock_interview_responses "
                "WHERE session_id = $1 AND status = 'completed' AND email <> ''",
                session_id,
            )
        return {row["email"] for row in rows}

    async def add_response(self, response: StoredResponse) -> StoredResponse:
        response = replace(response, name=clean(response.name), email=clean(response.email))
        values: list[Any] = [getattr(response, name) for name in RESPONSE_COLUMNS.split(", ")]
        async with self._connection() as db:
            added = await db.fetchval(_ADD_RESPONSE, *values)
        if added is None:
            raise Duplicate("this e-mail has completed the interview already")
        return response

    async def answers_of(self, call_id: str) -> list[StoredAnswer]:
        async with self._connection() as db:
            rows = await db.fetch(
                f"SELECT {ANSWER_COLUMNS} FROM mock_interview_answers WHERE call_id = $1 ORDER BY turn",
                call_id,
            )
        return [to_answer(row) for row in rows]

    async def utterances_of(self, call_id: str) -> list[StoredUtterance]:
        """In the order of speech: in one turn the candidate comes before the reply."""
        async with self._connection() as db:
            rows = await db.fetch(
                f"SELECT {UTTERANCE_COLUMNS} FROM mock_interview_utterances WHERE call_id = $1 "
                "ORDER BY turn, speaker",
                call_id,
            )
        return [to_utterance(row) for row in rows]

    async def follow_ups_of(self, call_id: str) -> list[Question]:
        async with self._connection() as db:
            rows = await db.fetch(
                f"SELECT {QUESTION_COLUMNS} FROM mock_interview_questions WHERE call_id = $1 "
                "ORDER BY position",
                call_id,
            )
        return [to_question(row) for row in rows]


def _interviewer_values(interviewer: AgentInterviewer) -> list[Any]:
    values = [getattr(interviewer, name) for name in _INTERVIEWER.split(", ")]
    return [msgspec.to_builtins(value) for value in values]
