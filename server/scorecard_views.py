"""The scorecard as JSON: its types, from which its schema is made too."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from interview.model import Block, Mode, QuestionType, SessionStatus
from interview.rubric import Confidence, Dimension
from interview.scorecard import State
from server.views import View


class CitedView(View):
    """Words of the answer in ``turn``, verbatim: its characters ``start`` to ``end``.

    ``startS`` and ``endS``: seconds of the call's audio, null where they are not known. ``url`` plays them;
    null where nothing was recorded.
    """

    id: str
    text: str
    turn: int
    start: int
    end: int
    start_s: float | None
    end_s: float | None
    url: str | None


class DimensionView(View):
    """One of the five dimensions: a score, or null and the reason why it was not assessed."""

    dimension: Dimension
    score: int | None
    reason: str
    confidence: Confidence


class DimensionScore(DimensionView):
    """One dimension of one answer. ``spread``: points between the judge's highest and lowest sample.

    ``override`` is the id of the person's value that is in force, ``original`` what the judge had found.
    """

    rationale: str
    spread: int
    quotes: list[CitedView]
    override: str | None
    original: int | None


class ActionView(View):
    title: str
    description: str
    priority: str


class FollowUpView(View):
    question: str
    reason: str
    answer: str


class JudgementView(View):
    """What one judgement of an answer found, for comparing two of them."""

    score: int | None
    reason: str
    confidence: Confidence
    dimensions: list[DimensionView]
    samples: int | None
    models: list[str]


class DisputeView(View):
    """``second`` null: the answer is still to be judged again. ``agrees``: within ten points of the first."""

    id: str
    question_id: str
    state: Literal["open", "judged"]
    reason: str
    by: str
    at: datetime
    first: JudgementView
    second: JudgementView | None
    agrees: bool | None
    judged_at: datetime | None


class OverrideView(View):
    id: str
    question_id: str
    dimension: Dimension
    value: int
    original: int | None
    reason: str
    by: str
    role: str
    at: datetime


class AgainView(View):
    """Another answer to the question, judged beside the first. It counts for no total."""

    id: str
    question_id: str
    state: Literal["scoring", "scored"]
    answer: str
    at: datetime
    before: int | None
    after: JudgementView | None
    difference: int | None
    coach_tips: list[str]
    better: str


class QuestionCard(View):
    """One question with everything about its answer. ``flags`` are for people, ``flagCodes`` for programs."""

    id: str
    question: str
    type: QuestionType
    block: Block | None
    persona: str
    persona_name: str
    status: Literal["scored", "scoring", "not_answered", "not_asked"]
    answer: str
    follow_ups: list[FollowUpView]
    seconds: float | None
    score: int | None
    reason: str
    confidence: Confidence
    dimensions: list[DimensionScore]
    flags: list[str]
    flag_codes: list[str]
    coach_tips: list[str]
    better: str
    action_items: list[ActionView]
    learning_tags: list[str]
    dispute: DisputeView | None
    overrides: list[OverrideView]
    again: list[AgainView]
    source: dict[str, Any]


class MeasureView(View):
    """A measurement with the range that is common; there is nothing to pass. Null bounds are open."""

    name: str
    label: str
    value: float | None
    unit: str
    reason: str
    low: float | None
    high: float | None
    note: str


class SegmentView(View):
    """A piece of a line. ``quotes``: ids of the quotes it belongs to."""

    text: str
    quotes: list[str]


class LineView(View):
    turn: int
    role: Literal["user", "agent"]
    persona: str | None
    persona_name: str
    question_id: str | None
    segments: list[SegmentView]


class TotalView(View):
    score: int | None
    reason: str
    confidence: Confidence


class CountsView(View):
    """``waiting`` answers are being scored."""

    questions: int
    asked: int
    answered: int
    scored: int
    waiting: int


class SummaryView(View):
    """The call in words; empty until it is analysed."""

    overall_feedback: str
    communication: str
    soft_skills: str
    recommendation: str
    strengths: list[str]
    weaknesses: list[str]
    action_items: list[ActionView]
    learning_tags: list[str]
    source: dict[str, Any]


class MethodView(View):
    """How the scores were made. ``offline``: by rules on this server, without a language model."""

    offline: bool
    judges: list[str]
    prompts: list[str]
    rubric: str
    samples: int | None
    text: str
    weights: dict[str, float]


class AudioView(View):
    available: bool
    reason: str


class CallChoice(View):
    call_id: str
    status: SessionStatus
    created_at: datetime


class AcrossView(View):
    """What all calls of the interview show together, as generate-insights found it last."""

    version: int
    trends: list[str]
    strengths: list[str]
    weaknesses: list[str]
    recommendations: list[str]
    learnings: list[str]


class ScorecardView(View):
    """A call's scorecard. ``calls`` are all calls of the interview, newest first; ``callId`` null: none yet.

    What the reader may do: ``canOverride`` is for coaches, ``canCompare`` (to ask for ``across``) for the
    candidate whose interview it is. A guest is told of no other call, and so of nothing ``across``.
    """

    session_id: str
    link: str
    call_id: str | None
    name: str
    role: str
    mode: Mode
    status: SessionStatus
    held_at: datetime | None
    seconds: int | None
    calls: list[CallChoice]
    state: State
    detail: str
    counts: CountsView
    overall: TotalView
    dimensions: list[DimensionView]
    summary: SummaryView
    questions: list[QuestionCard]
    delivery: list[MeasureView]
    transcript: list[LineView]
    method: MethodView
    audio: AudioView
    across: AcrossView | None
    can_override: bool
    can_compare: bool
