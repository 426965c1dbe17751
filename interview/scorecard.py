"""The scorecard: what is known of one call, put together for whoever reads it. No number is made here anew.

Scores are those of the judged threads; delivery numbers are measurements with the range that is common, never
marks; every quote is a stretch of one answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from interview.delivery import Measure
from interview.evaluation import Evaluation, Feedback, Quote
from interview.rubric import Confidence, Dimension
from interview.threads import Place, Thread, locate

FEW: Final = 3
"""With fewer answers than this no total is more than fairly certain."""
FLAGS: Final[Mapping[str, str]] = {
    "no_answer": "Nothing was said.",
    "no_evidence": "The words spoke to the judge and did not answer the question.",
    "gibberish": "The words carried no meaning that could be judged.",
    "off_topic": "The answer was about something else than the question.",
    "too_short": "The answer was too short to show much.",
    "other_language": "The answer was not in the language of the interview.",
    "addresses_judge": "Part of the answer spoke to the judge. It was left out, and neither helped nor hurt.",
    "padded": "Words that add nothing were left out of account.",
}


class State(StrEnum):
    """How far the scoring of a call is."""

    PENDING = "pending"
    PARTIAL = "partial"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Marked:
    """One question of a call with what is in force for it; None where that is not known yet."""

    thread: Thread
    asked: bool
    evaluation: Evaluation | None = None
    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """``waiting`` answers are being scored."""

    questions: int
    asked: int
    answered: int
    scored: int

    @property
    def waiting(self) -> int:
        return self.answered - self.scored


@dataclass(frozen=True, slots=True)
class Found:
    """A quote as it is shown: the exact words of one answer, where they stand, when they were said."""

    id: str
    dimension: Dimension
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of what was said. ``quotes``: the ids of those it belongs to."""

    text: str
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Norm:
    """A measure that is shown, with the range in which most good answers lie (None: open on that side)."""

    label: str
    low: float | None
    high: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery measure. ``value`` None: ``reason`` says why there is none."""

    name: str
    norm: Norm
    value: float | None
    unit: str
    reason: str = ""


NORMS: Final[Mapping[str, Norm]] = {
    "pace": Norm("Pace", 110, 160, "130 to 160 suits most talk, 110 to 130 technical explanations."),
    "fillers": Norm("Um and uh", None, 5, "Up to five a minute nobody minds."),
    "pauses_medium": Norm("Short pauses", None, None, "0.2 to 1 second: they make speech easy to follow."),
    "pauses_long": Norm("Long pauses", None, None, "Over 1 second. Thinking before an answer is fine."),
    "longest_pause": Norm("Longest pause", None, None, "A few seconds of thought are fine."),
    "speech_share": Norm("Share of speech", None, None, "Of the time of the answer, how much was speech."),
    "pitch_variation": Norm("Pitch variation", None, None, "More is livelier. It differs between languages."),
    "energy_variation": Norm("Loudness variation", None, None, "How much the loudness moved."),
    "low_confidence_words": Norm(
        "Words hard to make out", None, None, "By the recogniser; a noisy line has many."
    ),
    "talk_share": Norm(
        "Your share of the talk", 0.75, 0.8, "Candidates usually talk three quarters of the time."
    ),
    "answer_length": Norm("Length of an answer", 60, 120, "One to two minutes hold a whole story."),
}
UNITS: Final[Mapping[str, str]] = {
    "pace": "words per minute",
    "fillers": "per minute",
    "pauses_medium": "count",
    "pauses_long": "count",
    "longest_pause": "seconds",
    "speech_share": "share",
    "pitch_variation": "semitones",
    "energy_variation": "dB",
    "low_confidence_words": "count",
    "talk_share": "share",
    "answer_length": "seconds",
}
NOT_HEARD: Final = "the sound of this call was not measured"
IN_PART: Final = "no question was answered wholly by voice"


def counts(questions: Sequence[Marked]) -> Counts:
    return Counts(
        len(questions),
        sum(one.asked or one.thread.answered for one in questions),
        sum(one.thread.answered for one in questions),
        sum(one.thread.answered and one.evaluation is not None for one in questions),
    )


def state(count: Counts, *, over: bool, analysed: bool) -> State:
    """``over``: nothing more will be said. ``analysed``: the call's own numbers are there."""
    if over and analysed and not count.waiting:
        return State.COMPLETE
    return State.PARTIAL if count.scored else State.PENDING


def confidence(known: Sequence[Confidence], answers: int) -> Confidence:
    """How sure a mean is: the lower middle of its parts, and never high when it has few of them."""
    order = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)
    if answers < 2 or not known:
        return Confidence.LOW
    middle = sorted(map(order.index, known))[(len(known) - 1) // 2]
    return order[min(middle, 1)] if answers < FEW else order[middle]


def quotes(thread: Thread, evaluation: Evaluation) -> tuple[Found, ...]:
    """The quotes of all dimensions; one that runs over two answers is shown as far as the first goes."""
    found: list[Found] = []
    texts = {part.given.turn: part.given.text for part in thread.parts}
    for verdict in evaluation.verdicts:
        for number, quote in enumerate(verdict.quotes, start=1):
            place = _place(thread, quote)
            if place is not None:
                name = f"{thread.question.id}.{verdict.dimension}.{number}"
                text = texts[place.turn][place.start : place.end]
                found.append(Found(name, verdict.dimension, text, place))
    return tuple(found)


def _place(thread: Thread, quote: Quote) -> Place | None:
    place = locate(thread, quote)
    return place if place is not None and thread.case.words[quote.start : quote.end] == quote.text else None


def segments(text: str, found: Sequence[Found]) -> tuple[Segment, ...]:
    """``text`` cut where quotes begin and end. The pieces add up to ``text``; quotes may overlap."""
    spans = [(f.place.start, min(f.place.end, len(text)), f.id) for f in found if f.place.start < len(text)]
    edges = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    return tuple(
        Segment(text[a:b], tuple(name for start, end, name in spans if start <= a and b <= end))
        for a, b in pairwise(edges)
        if a < b
    )


def plain(flags: Sequence[str]) -> tuple[str, ...]:
    """Flags in words for the candidate."""
    return tuple(FLAGS.get(flag, flag.replace("_", " ").capitalize() + ".") for flag in flags)


def delivery(
    reports: Sequence[tuple[Mapping[str, Measure], float | None]], lengths: Sequence[float]
) -> tuple[Line, ...]:
    """The measures over several answers, each with its norm; every measure is there, if only with a reason.

    ``reports``: the measures of one answer and its seconds. ``lengths``: seconds of each answered question.
    Rates and shares are means weighted by time, counts add up, of pauses the longest is shown.
    """
    return tuple(_line(name, reports, lengths) for name in NORMS)


def _line(
    name: str, reports: Sequence[tuple[Mapping[str, Measure], float | None]], lengths: Sequence[float]
) -> Line:
    unit, norm = UNITS[name], NORMS[name]
    if name == "answer_length":
        if not lengths:
            return Line(name, norm, None, unit, IN_PART if reports else NOT_HEARD)
        return Line(name, norm, round(sum(lengths) / len(lengths), 1), unit)
    there = [(measures[name], seconds or 1.0) for measures, seconds in reports if name in measures]
    known = [(m.value, seconds) for m, seconds in there if m.value is not None]
    if not known:
        reason = next((m.reason for m, _ in there if m.reason), NOT_HEARD)
        return Line(name, norm, None, unit, reason)
    values = [value for value, _ in known]
    if unit == "count":
        value = sum(values)
    elif name == "longest_pause":
        value = max(values)
    else:
        value = sum(v * s for v, s in known) / sum(s for _, s in known)
    return Line(name, norm, round(value, 2), unit)
