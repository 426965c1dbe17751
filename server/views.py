"""What the REST paths answer, as types: the JSON and its schema come from the same place.

Keys are camelCase, save those that the call protocol has always spelt with an underscore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from interview.model import Block, Difficulty, Mode, Question, QuestionType, Scenario, SessionStatus
from storage.ports import AgentInterviewer, StoredResponse, StoredSession


class View(msgspec.Struct, rename="camel", kw_only=True):
    """Base of all answers."""


class InterviewerView(View):
    id: str
    name: str
    description: str
    image: str | None
    voice: str
    retell_agent_id: str | None
    rapport: int
    exploration: int
    empathy: int
    speed: int


class QuestionView(View):
    """What a candidate may see of a question: not what the judge looks for."""

    id: str
    question: str
    type: QuestionType
    block: Block | None
    persona: str
    order: int
    time_limit: int
    follow_up_to: str | None
    reason: str | None
    context: str


class ResponseView(View):
    """One run through an interview. ``is_ended`` and ``is_analysed`` are spelt so in JSON too."""

    id: str
    call_id: str
    email: str
    name: str
    is_ended: bool = msgspec.field(name="is_ended")
    is_analysed: bool = msgspec.field(name="is_analysed")
    analytics: dict[str, Any] | None
    status: SessionStatus
    transport: str
    created_at: datetime
    ended_at: datetime | None


class SessionView(View):
    """An interview without its questions. ``duration`` in minutes; ``callId`` is the id of its link."""

    id: str
    name: str
    status: SessionStatus
    role: str
    scenario: Scenario
    difficulty: Difficulty
    duration: int
    blocks: list[Block]
    stack: list[str]
    focus_areas: list[str]
    mode: Mode
    interviewer_agent_id: str
    call_id: str
    readable_slug: str
    created_at: datetime
    results: dict[str, Any] | None


class EvidenceView(View):
    """A quote: characters of the answer in ``turn``, and seconds of the call's audio where known."""

    text: str
    turn: int | None
    start: int | None
    end: int | None
    start_s: float | None
    end_s: float | None


class ScoreView(View):
    """One score, or the reason why there is none. ``questionId`` null: of the whole call.

    ``dimension`` is one of the five, or ``overall``, which has ``flags``. ``source`` names prompt, rubric
    and model.
    """

    call_id: str
    question_id: str | None
    dimension: str
    score: int | None
    reason: str
    rationale: str
    evidence: list[EvidenceView]
    confidence: str
    spread: int
    flags: list[str]
    source: dict[str, Any]
    created_at: datetime


class FeedbackView(View):
    """Coaching on one answer, or on the call as a whole (``questionId`` null)."""

    call_id: str
    question_id: str | None
    coach_tips: list[str]
    action_items: list[dict[str, Any]]
    learning_tags: list[str]
    better: str
    source: dict[str, Any]
    created_at: datetime


class SessionDetails(SessionView):
    """An interview with everything that hangs on it."""

    questions: list[QuestionView]
    responses: list[ResponseView]
    scores: list[ScoreView]
    feedback: list[FeedbackView]


class SessionPage(View):
    """``nextCursor`` is what to send as ``cursor`` for the following page; null on the last one."""

    items: list[SessionView]
    next_cursor: str | None


class CreatedView(View):
    call_id: str
    call_url: str
    readable_slug: str
    session_id: str


class GeneratedView(View):
    """``source`` says who made the questions: ``question bank`` or ``model:NAME``."""

    mock_interview_session: SessionView
    questions: list[QuestionView]
    description: str
    source: str


class RegisteredCall(View):
    """What the browser needs to join. The token is for it alone, and so is ``scorecardUrl``: it opens the
    scorecard of this call, without an account, for thirty days or until it is withdrawn."""

    call_id: str
    access_token: str
    call_url: str
    response_id: str
    scorecard_url: str
    transport: str | None = None
    ice_servers: list[dict[str, Any]] = []
    expires_at: int | None = None


def interviewer_view(interviewer: AgentInterviewer) -> InterviewerView:
    sliders = interviewer.sliders
    return InterviewerView(
        id=interviewer.id,
        name=interviewer.name,
        description=interviewer.description,
        image=interviewer.image,
        voice=interviewer.voice,
        retell_agent_id=interviewer.retell_agent_id,
        rapport=sliders.rapport,
        exploration=sliders.exploration,
        empathy=sliders.empathy,
        speed=sliders.speed,
    )


def question_views(questions: Sequence[Question]) -> list[QuestionView]:
    return [
        QuestionView(
            id=question.id,
            question=question.text,
            type=question.type,
            block=question.block,
            persona=question.persona,
            order=order,
            time_limit=question.time_limit_s,
            follow_up_to=question.parent_id,
            reason=question.reason,
            context=", ".join(question.competencies),
        )
        for order, question in enumerate(questions, start=1)
    ]


def response_view(response: StoredResponse) -> ResponseView:
    return ResponseView(
        id=response.id,
        call_id=response.call_id,
        email=response.email,
        name=response.name,
        is_ended=response.is_ended,
        is_analysed=response.is_analysed,
        analytics=response.analytics,
        status=SessionStatus(response.status),
        transport=response.transport,
        created_at=response.created_at,
        ended_at=response.ended_at,
    )


def _session_fields(stored: StoredSession) -> dict[str, Any]:
    wishes = stored.session.wishes
    return {
        "id": stored.session.id,
        "name": stored.name,
        "status": stored.session.status,
        "role": wishes.role,
        "scenario": wishes.scenario,
        "difficulty": wishes.difficulty,
        "duration": wishes.duration_s // 60,
        "blocks": list(wishes.blocks),
        "stack": list(wishes.stack),
        "focus_areas": list(wishes.focus_areas),
        "mode": wishes.mode,
        "interviewer_agent_id": stored.interviewer_id,
        "call_id": stored.link_id,
        "readable_slug": stored.slug,
        "created_at": stored.created_at,
        "results": stored.results,
    }


def session_view(stored: StoredSession) -> SessionView:
    return SessionView(**_session_fields(stored))


def session_details(
    stored: StoredSession,
    responses: Sequence[StoredResponse],
    scores: Sequence[ScoreView],
    feedback: Sequence[FeedbackView],
) -> SessionDetails:
    return SessionDetails(
        **_session_fields(stored),
        questions=question_views(stored.session.questions),
        responses=[response_view(response) for response in responses],
        scores=list(scores),
        feedback=list(feedback),
    )


def score_view(row: Mapping[str, Any]) -> ScoreView:
    """From a row of ``mock_interview_scores``."""
    return ScoreView(
        call_id=row["call_id"],
        question_id=row["question_id"],
        dimension=row["dimension"],
        score=row["score"],
        reason=row["reason"] or "",
        rationale=row["rationale"] or "",
        evidence=[
            EvidenceView(
                text=quote["text"],
                turn=quote["turn"],
                start=quote["from"],
                end=quote["to"],
                start_s=quote["start_s"],
                end_s=quote["end_s"],
            )
            for quote in row["evidence"]
        ],
        confidence=row["confidence"],
        spread=row["spread"],
        flags=[],
        source=row["provenance"],
        created_at=row["created_at"],
    )


def overall_view(row: Mapping[str, Any]) -> ScoreView:
    """From a row of ``mock_interview_evaluations``."""
    return ScoreView(
        call_id=row["call_id"],
        question_id=row["question_id"],
        dimension="overall",
        score=row["overall"],
        reason=row["reason"],
        rationale="",
        evidence=[],
        confidence=row["confidence"],
        spread=0,
        flags=row["flags"],
        source=row["provenance"],
        created_at=row["updated_at"],
    )


def feedback_view(row: Mapping[str, Any]) -> FeedbackView:
    """From a row of ``mock_interview_feedback``."""
    return FeedbackView(
        call_id=row["call_id"],
        question_id=row["question_id"],
        coach_tips=row["coach_tips"],
        action_items=row["action_items"],
        learning_tags=row["learning_tags"],
        better=row["better"],
        source=row["provenance"],
        created_at=row["created_at"],
    )
