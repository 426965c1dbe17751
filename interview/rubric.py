"""What a score means: five dimensions, five described levels each, and scores that carry evidence.

A judge chooses a level by its anchor; code turns levels into numbers (`points`) and adds them up
(`Scorecard.total`). A judge never chooses a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from interview.errors import InterviewError, InvalidBank


class InvalidScore(InterviewError):
    """A score out of range, or one without the evidence it needs."""


class Dimension(StrEnum):
    CONTENT = "content"
    DEPTH = "depth"
    SOFT_SKILLS = "soft_skills"
    LANGUAGE = "language"
    TIMING = "timing"


class Confidence(StrEnum):
    """How far independent readings of the same answer agreed."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


# Not evenly spaced: the step from weak to sound (2 to 3) is the one that matters most, and no
# reading of one spoken answer justifies a plain 0 or 100.
LEVEL_POINTS: Final[Mapping[int, int]] = {1: 10, 2: 30, 3: 55, 4: 78, 5: 95}


def points(level: int) -> int:
    """The 0–100 value of an anchor level.

    Raises:
        InvalidScore: ``level`` is not 1 to 5.
    """
    if level not in LEVEL_POINTS:
        raise InvalidScore("level must be 1 to 5")
    return LEVEL_POINTS[level]


def level_of(value: float) -> int:
    """The level whose points are nearest to ``value``; the lower one of two equally near."""
    return min(LEVEL_POINTS, key=lambda level: (abs(LEVEL_POINTS[level] - value), level))


@dataclass(frozen=True, slots=True)
class Anchor:
    """One level of one dimension, told as behaviour an observer can point at."""

    level: int
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Rubric:
    """One dimension: what it asks, what it must ignore, and its anchors from level 1 to 5."""

    dimension: Dimension
    version: str
    asks: str
    ignores: str
    weight: float
    anchors: tuple[Anchor, ...]

    def anchor(self, level: int) -> Anchor:
        """The anchor of ``level``; `InvalidScore` when it is not 1 to 5."""
        points(level)
        return self.anchors[level - 1]


def parse_rubric(raw: Mapping[str, object], version: str) -> Rubric:
    """Build one rubric and check it.

    Raises:
        InvalidBank: the text names the dimension and the rule it breaks.
    """
    name = raw.get("dimension")
    if not isinstance(name, str) or name not in set(Dimension):
        raise InvalidBank(f"rubric: dimension must be one of {', '.join(Dimension)}")
    weight = raw.get("weight")
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight <= 1:
        raise InvalidBank(f"rubric {name}: weight must be above 0 and at most 1")
    rows = raw.get("anchors")
    if not isinstance(rows, list | tuple):
        raise InvalidBank(f"rubric {name}: anchors must be a list")
    anchors: list[Anchor] = []
    for row in rows:
        if not isinstance(row, Mapping) or row.get("level") != len(anchors) + 1:
            raise InvalidBank(f"rubric {name}: anchors must be levels 1 to 5 in order")
        where = f"rubric {name} level {len(anchors) + 1}"
        anchors.append(Anchor(len(anchors) + 1, _text(row, "label", where), _text(row, "text", where)))
    if len(anchors) != len(LEVEL_POINTS) or len({anchor.text for anchor in anchors}) != len(anchors):
        raise InvalidBank(f"rubric {name}: needs five different anchors")
    asks, ignores = _text(raw, "asks", f"rubric {name}"), _text(raw, "ignores", f"rubric {name}")
    return Rubric(Dimension(name), version, asks, ignores, float(weight), tuple(anchors))


def parse_rubrics(raw: Mapping[str, object]) -> Mapping[Dimension, Rubric]:
    """All five rubrics of a file (``version`` and ``rubrics``), in `Dimension` order.

    Raises:
        InvalidBank: one is wrong, missing or double, or the weights do not add up to 1.
    """
    version, rows = _text(raw, "version", "rubrics"), raw.get("rubrics")
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise InvalidBank("rubrics: rubrics must be a list of objects")
    found = [parse_rubric(row, version) for row in rows]
    by_dimension = {rubric.dimension: rubric for rubric in found}
    if len(found) != len(Dimension) or len(by_dimension) != len(Dimension):
        raise InvalidBank("rubrics: every dimension must occur exactly once")
    if abs(sum(rubric.weight for rubric in found) - 1) > 1e-9:
        raise InvalidBank("rubrics: the weights must add up to 1")
    return {dimension: by_dimension[dimension] for dimension in Dimension}


@dataclass(frozen=True, slots=True)
class Score:
    """One dimension of one answer: a value with its quote, or no value and the reason why not.

    Timing is measured, not read from the words, and so needs no quote.
    """

    dimension: Dimension
    value: float | None
    reason: str = ""
    quote: str = ""
    confidence: Confidence = Confidence.MEDIUM

    def __post_init__(self) -> None:
        if self.value is None:
            if not self.reason.strip():
                raise InvalidScore(f"{self.dimension}: a missing value needs a reason")
            return
        if not 0 <= self.value <= 100:  # also refuses NaN
            raise InvalidScore(f"{self.dimension}: value must be 0 to 100")
        if self.dimension is not Dimension.TIMING and not self.quote.strip():
            raise InvalidScore(f"{self.dimension}: a value needs a quote from the answer")


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The scores of one answer, at most one per dimension.

    A dimension left out and one whose value is None both count as not scored.
    """

    question_id: str
    scores: tuple[Score, ...]

    def __post_init__(self) -> None:
        if len({score.dimension for score in self.scores}) != len(self.scores):
            raise InvalidScore("a dimension may be scored once only")

    def value(self, dimension: Dimension) -> float | None:
        """The value of one dimension, None when it was not scored."""
        return next((score.value for score in self.scores if score.dimension is dimension), None)

    def total(self, rubrics: Mapping[Dimension, Rubric]) -> float | None:
        """The weighted mean of what was scored, to one decimal.

        None when what was said was not scored: timing alone makes no total, else a silent
        candidate would be graded for keeping the time.
        """
        known = [(rubrics[s.dimension].weight, s.value) for s in self.scores if s.value is not None]
        if all(score.value is None for score in self.scores if score.dimension is not Dimension.TIMING):
            return None
        return round(sum(weight * value for weight, value in known) / sum(w for w, _ in known), 1)


def _text(raw: Mapping[str, object], key: str, where: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InvalidBank(f"{where}: {key} must be a text that is not empty")
    return value
