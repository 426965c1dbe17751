"""Rows to values and back: the one place that knows how a dataclass lies in its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec

from interview.model import InterviewSession, Question
from storage.ports import (
    AgentInterviewer,
    OpenCall,
    StoredAnswer,
    StoredResponse,
    StoredSession,
    StoredUtterance,
)

Row: TypeAlias = "Mapping[str, Any] | asyncpg.Record"

QUESTION_COLUMNS: Final = (
    "id, position, text, type, block, persona, difficulty, competencies, looks_for, angles, "
    "time_limit_s, max_probes, parent_id, reason, bank_id"
)
QUESTION_RECORD: Final = (
    "(id text, position integer, text text, type text, block text, persona text, difficulty text, "
    "competencies jsonb, looks_for jsonb, angles jsonb, time_limit_s integer, max_probes integer, "
    "parent_id text, reason text, bank_id text)"
)
SESSION_COLUMNS: Final = (
    "s.id, s.candidate_id, s.wishes, s.status, s.version, s.link_id, s.slug, s.name, s.interviewer_id, "
    "s.created_at, s.metadata, s.results, s.idempotency_key"
)
PLANNED_QUESTIONS: Final = (
    "(SELECT coalesce(jsonb_agg(to_jsonb(q) ORDER BY q.position), '[]')"
    " FROM mock_interview_questions q WHERE q.session_id = s.id AND q.call_id IS NULL) AS questions"
)
RESPONSE_COLUMNS: Final = (
    "id, session_id, call_id, transport, email, name, created_at, status, is_ended, is_analysed, "
    "analytics, progress, end_reason, ended_at, consent, link_number"
)
UTTERANCE_COLUMNS: Final = "turn, speaker, text, persona, question_id"
ANSWER_COLUMNS: Final = "turn, question_id, text, start_ms, duration_ms, words, delivery, audio_uri"


def question_rows(questions: Iterable[Question]) -> list[dict[str, Any]]:
    """Questions as JSON data for `QUESTION_RECORD`, with their places in the queue."""
    return [
        {**msgspec.to_builtins(question), "position": position} for position, question in enumerate(questions)
    ]


def to_question(row: Row) -> Question:
    return msgspec.convert(dict(row), Question)


@lru_cache(maxsize=1024)
def _shared(question: Question) -> Question:
    """One value for what many interviews ask, held once in memory."""
    return question


def to_session(row: Row, *, questions: bool = True) -> StoredSession:
    """A row of `SESSION_COLUMNS`, with `PLANNED_QUESTIONS` unless ``questions`` is false."""
    fields = dict(row)
    session = msgspec.convert(
        {
            "id": fields.pop("id"),
            "candidate_id": fields.pop("candidate_id"),
            "wishes": fields.pop("wishes"),
            "status": fields.pop("status"),
            "version": fields.pop("version"),
            "questions": fields.pop("questions", []) if questions else [],
        },
        InterviewSession,
    )
    session = replace(session, questions=tuple(map(_shared, session.questions)))
    return StoredSession(session=session, **fields)


def to_response(row: Row) -> StoredResponse:
    return StoredResponse(**dict(row))


def to_utterance(row: Row) -> StoredUtterance:
    return msgspec.convert(dict(row), StoredUtterance)


class _Opened(msgspec.Struct):
    """What ``mock_interview_open_call`` gives."""

    fence: int
    response: StoredResponse
    session: dict[str, Any]
    questions: list[msgspec.Raw]
    follow_ups: list[Question]
    said: list[StoredUtterance]


_opened: Final = msgspec.json.Decoder(_Opened)
_question: Final = msgspec.json.Decoder(Question)
_STORED_SESSION: Final = tuple(field.name for field in fields(StoredSession) if field.name != "session")


def to_open_call(text: str) -> OpenCall:
    """The JSON text of ``mock_interview_open_call``."""
    opened = _opened.decode(text)
    row = opened.session
    session = msgspec.convert(
        {**row, "questions": [_planned(bytes(question)) for question in opened.questions]}, InterviewSession
    )
    created_at = datetime.fromisoformat(row.pop("created_at"))
    kept = {name: row[name] for name in _STORED_SESSION if name in row}
    stored = StoredSession(session=session, created_at=created_at, **kept)
    return OpenCall(stored, opened.response, tuple(opened.said), opened.fence, tuple(opened.follow_ups))


@lru_cache(maxsize=1024)
def _planned(row: bytes) -> Question:
    """One value for what many calls ask: decoded once, and held once in memory."""
    return _shared(_question.decode(row))


def to_answer(row: Row) -> StoredAnswer:
    return msgspec.convert(dict(row), StoredAnswer)


def to_interviewer(row: Row) -> AgentInterviewer:
    return msgspec.convert(dict(row), AgentInterviewer)
