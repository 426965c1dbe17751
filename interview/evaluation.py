"""What a judge makes of one answer: scores with verified quotes, how sure it is, and what it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interview.model import Question
from interview.rubric import Confidence, Dimension


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """Everything a judge may see of an answer: no name, no contact data, no other answers.

    ``answer``: the candidate's words to the question; ``follow_ups``: (question asked, words) in order.
    ``seconds``: how long the candidate spoke, None when it is not known. ``role`` and ``language`` are
    those of the interview.
    """

    question: Question
    answer: str
    follow_ups: tuple[tuple[str, str], ...] = ()
    seconds: float | None = None
    role: str = ""
    language: str = "en"

    @property
    def words(self) -> str:
        """All that the candidate said, in order; quotes are substrings of it."""
        return "\n".join(part for part in (self.answer, *(text for _, text in self.follow_ups)) if part)


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of the answer, verbatim: ``AnswerCase.words[start:end]``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One dimension of one answer: 0–100, or None with the reason why it was not assessed.

    ``spread``: the difference between the highest and the lowest sample, in points.
    """

    dimension: Dimension
    value: int | None
    reason: str = ""
    rationale: str = ""
    quotes: tuple[Quote, ...] = ()
    confidence: Confidence = Confidence.MEDIUM
    spread: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All five verdicts of one answer, in `Dimension` order, and the total that code made of them.

    ``overall`` None: not assessed, ``reason`` says why. ``flags``: e.g. ``addresses_judge``, ``padded``,
    ``off_topic``, ``gibberish``, ``too_short``. ``provenance``: prompt source, rubric version, model,
    samples; stored with every score.
    """

    verdicts: tuple[Verdict, ...]
    overall: int | None
    reason: str = ""
    confidence: Confidence = Confidence.MEDIUM
    flags: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionItem:
    title: str
    description: str
    priority: str = "medium"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What helps next time. ``better``: a stronger version in the candidate's own facts, or ""."""

    tips: tuple[str, ...] = ()
    better: str = ""
    actions: tuple[ActionItem, ...] = ()
    tags: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
