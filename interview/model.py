"""The interview as a thing with a life: what was wished for, what will be asked, where it stands.

`InterviewSession` is the aggregate that outlives calls. It is a value: every method returns a new
session or raises `IllegalTransition` and leaves the old one as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from interview.errors import IllegalTransition, InvalidPlan


class Block(StrEnum):
    """The four rounds of an interview (seed S6–S9), in the order in which they are held."""

    BEHAVIORAL = "behavioral"
    ROLE_KNOWLEDGE = "role_knowledge"
    PROFESSIONAL_SKILLS = "professional_skills"
    COMMUNICATION = "communication"


class Difficulty(StrEnum):
    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class QuestionType(StrEnum):
    OPENER = "opener"
    CLOSING = "closing"
    BEHAVIORAL = "behavioral"
    SITUATIONAL = "situational"
    MOTIVATIONAL = "motivational"
    CULTURAL_FIT = "cultural_fit"
    PROCESS = "process"
    THEORETICAL = "theoretical"
    CODING_CHALLENGE = "coding_challenge"
    SYSTEM_DESIGN = "system_design"
    TECHNICAL = "technical"
    SCENARIO = "scenario"
    FOLLOW_UP = "follow_up"


class Scenario(StrEnum):
    """Who holds the interview: one HR person, one tech lead, both in turn, or a panel."""

    HR = "hr"
    TECH_LEAD = "tech_lead"
    MIXED = "mixed"
    PANEL = "panel"


class Mode(StrEnum):
    """Study mode coaches between answers; exam mode never does."""

    EXAM = "exam"
    STUDY = "study"


@dataclass(frozen=True, slots=True)
class Sliders:
    """How an interviewer behaves, each 1–10 (5 is neutral)."""

    rapport: int = 5
    exploration: int = 5
    empathy: int = 5
    speed: int = 5

    def __post_init__(self) -> None:
        for name in ("rapport", "exploration", "empathy", "speed"):
            if not 1 <= getattr(self, name) <= 10:
                raise InvalidPlan(f"interviewer {name} must be 1 to 10")


@dataclass(frozen=True, slots=True)
class Question:
    """One planned question. ``looks_for`` and ``angles`` are for judge and interviewer, never shown live.

    ``persona`` is a persona id (`interview.personas`): ``hr``, ``tech_lead`` or a panel member such as
    ``panel.manager``. ``parent_id`` and ``reason`` are set on follow-ups only.
    """

    id: str
    text: str
    type: QuestionType
    block: Block | None
    persona: str
    difficulty: Difficulty = Difficulty.INTERMEDIATE
    competencies: tuple[str, ...] = ()
    looks_for: tuple[str, ...] = ()
    angles: tuple[str, ...] = ()
    time_limit_s: int = 120
    max_probes: int = 2
    parent_id: str | None = None
    reason: str | None = None
    bank_id: str | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the candidate asked for when the interview was created."""

    role: str
    scenario: Scenario = Scenario.MIXED
    difficulty: Difficulty = Difficulty.INTERMEDIATE
    duration_s: int = 1800
    blocks: tuple[Block, ...] = tuple(Block)
    stack: tuple[str, ...] = ()
    focus_areas: tuple[str, ...] = ()
    goals: str = ""
    job_description: str = ""
    custom_prompt: str = ""
    mode: Mode = Mode.EXAM
    sliders: Sliders = field(default_factory=Sliders)
    language: str = "en"

    def __post_init__(self) -> None:
        if not self.blocks:
            raise InvalidPlan("an interview needs at least one block")
        if not 300 <= self.duration_s <= 7200:
            raise InvalidPlan("duration must be between 5 and 120 minutes")


class SessionStatus(StrEnum):
    CREATED = "created"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    ABANDONED = "abandoned"


class Move(StrEnum):
    """What can happen to a session."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    CANCEL = "cancel"
    INTERRUPT = "interrupt"
    ABANDON = "abandon"


_S, _M = SessionStatus, Move

TRANSITIONS: Final[dict[SessionStatus, dict[Move, SessionStatus]]] = {
    # Abandon: registered, never joined. A dropped call interrupts; the candidate may come back.
    _S.CREATED: {_M.START: _S.IN_PROGRESS, _M.CANCEL: _S.CANCELLED, _M.ABANDON: _S.ABANDONED},
    _S.IN_PROGRESS: {
        _M.START: _S.IN_PROGRESS,  # a second call on the same interview, e.g. another guest of a shared link
        _M.PAUSE: _S.PAUSED,
        _M.COMPLETE: _S.COMPLETED,
        _M.CANCEL: _S.CANCELLED,
        _M.INTERRUPT: _S.INTERRUPTED,
        _M.ABANDON: _S.ABANDONED,
    },
    _S.PAUSED: {
        _M.RESUME: _S.IN_PROGRESS,
        _M.START: _S.IN_PROGRESS,
        _M.CANCEL: _S.CANCELLED,
        _M.INTERRUPT: _S.INTERRUPTED,
        _M.ABANDON: _S.ABANDONED,
    },
    _S.INTERRUPTED: {
        _M.START: _S.IN_PROGRESS,
        _M.RESUME: _S.IN_PROGRESS,
        _M.COMPLETE: _S.COMPLETED,  # the provider's record may show that it did finish
        _M.CANCEL: _S.CANCELLED,
        _M.ABANDON: _S.ABANDONED,
    },
    _S.ABANDONED: {_M.START: _S.IN_PROGRESS, _M.CANCEL: _S.CANCELLED},
    _S.COMPLETED: {},
    _S.CANCELLED: {},
}

FINAL: Final = frozenset(status for status, ways in TRANSITIONS.items() if not ways)


@dataclass(frozen=True, slots=True)
class InterviewSession:
    """The aggregate: one interview, its questions in order, its status.

    ``version`` grows by one with every change and guards the write (optimistic locking).
    """

    id: str
    candidate_id: str
    wishes: Wishes
    questions: tuple[Question, ...] = ()
    status: SessionStatus = SessionStatus.CREATED
    version: int = 0

    def move(self, move: Move) -> InterviewSession:
        """The session after ``move``.

        Raises:
            IllegalTransition: the status has no such way out.
        """
        target = TRANSITIONS[self.status].get(move)
        if target is None:
            raise IllegalTransition("session", self.status, move)
        return replace(self, status=target, version=self.version + 1)

    def with_questions(self, questions: tuple[Question, ...]) -> InterviewSession:
        """The session with another queue; only before it began.

        Raises:
            IllegalTransition: the interview has begun.
            InvalidPlan: the queue does not start with an opener and end with a closing.
        """
        if self.status is not SessionStatus.CREATED:
            raise IllegalTransition("session", self.status, "with_questions")
        if not questions or questions[0].type is not QuestionType.OPENER:
            raise InvalidPlan("the first question must be an opener")
        if questions[-1].type is not QuestionType.CLOSING:
            raise InvalidPlan("the last question must be a closing")
        return replace(self, questions=questions, version=self.version + 1)
