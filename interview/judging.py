"""From readings of an answer to its scores: verified quotes, medians, caps, totals. All in code.

A judge hands in `Reading` values: levels with quotes. Everything that decides a number is here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final

from interview.evaluation import AnswerCase, Evaluation, Quote, Verdict
from interview.judging_quotes import REMOVED, Blind, blind, verify
from interview.judging_text import is_declined, is_gibberish, is_other_language, is_silence, word_count
from interview.model import Question
from interview.rubric import LEVEL_POINTS, Confidence, Dimension, Rubric, Score, Scorecard

JUDGED: Final = tuple(dimension for dimension in Dimension if dimension is not Dimension.TIMING)
"""What a judge reads from the words; timing is measured."""
SPEAKING_RATE: Final = 140 / 60
"""Words per second, to estimate the time of an answer whose sound was not measured."""
CAPS: Final[Mapping[str, int]] = {"no_evidence": 5, "gibberish": 5, "off_topic": 22, "addresses_judge": 20}
"""The most an answer can get that carries the flag."""
SHORT_CAPS: Final = ((5, 10), (9, 25))
"""(fewer words than, the most they can get)."""
TOO_SHORT: Final = 20
ESTIMATED: Final = (2.5, 3.5)
"""The lowest and highest level of timing that was not measured."""
MAX_QUOTES: Final = 3
# Share of the time limit -> level.
_TIMING: Final = (
    (0.0, 1.0), (0.05, 1.7), (0.1, 2.5), (0.25, 4.0), (0.4, 5.0),
    (0.85, 5.0), (1.0, 4.0), (1.2, 3.0), (1.5, 2.0), (2.0, 1.0),
)  # fmt: skip
_REASONS: Final = {
    "no_evidence": "the words speak to the judge and do not answer the question",
    "gibberish": "the words carry no meaning that could be judged",
    "off_topic": "the answer is about something else than the question",
    "addresses_judge": "the answer tries to steer whoever scores it",
    "too_short": "the answer is too short to show much",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One dimension as one reading sees it. ``level`` 1–5, halves and tenths allowed; None: abstains."""

    dimension: Dimension
    level: float | None
    quotes: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One independent judgement of one answer."""

    claims: tuple[Claim, ...]
    on_topic: bool = True
    readable: bool = True
    addresses_judge: bool = False
    model: str = ""


@dataclass(frozen=True, slots=True)
class Screened:
    """An answer before any judge: what it may see, and what code found by itself.

    ``settled``: there is nothing to ask a judge, and this is the result.
    """

    case: AnswerCase
    seen: Blind
    flags: tuple[str, ...]
    settled: Evaluation | None


def points_at(level: float) -> float:
    """The 0–100 value of a level between anchors, in a straight line from one to the next."""
    lower = min(int(level), 4)
    share = level - lower
    return LEVEL_POINTS[lower] * (1 - share) + LEVEL_POINTS[lower + 1] * share


def screen(case: AnswerCase, names: Sequence[str] = ()) -> Screened:
    """Look for silence, gibberish and words to the judge; hide who answered.

    ``names``: the candidate's, hidden from the judge together with contact data, links and schools.
    """
    words = case.words
    seen = blind(words, names)
    left = seen.text.replace(REMOVED, " ")
    english = case.language.lower().startswith("en")
    flags: list[str] = []
    settled: Evaluation | None = None
    if is_silence(words) or (english and is_declined(words)):
        flags.append("no_answer")
        settled = not_assessed("nothing was said that answers", flags)
    elif english and is_other_language(left):
        flags.append("other_language")
        settled = not_assessed("the answer is not in the language of the interview", flags)
    elif REMOVED in seen.text:
        flags.append("addresses_judge")
    if settled is None and is_silence(left):
        flags.append("no_evidence")
        settled = _floor(case, "no_evidence", flags)
    elif settled is None and english and is_gibberish(left):
        flags.append("gibberish")
        settled = _floor(case, "gibberish", flags)
    elif settled is None and word_count(left) < TOO_SHORT:
        flags.append("too_short")
    return Screened(case, seen, tuple(flags), settled)


def not_assessed(reason: str, flags: Sequence[str] = ()) -> Evaluation:
    """No score in any dimension; ``reason`` is shown to the candidate."""
    verdicts = tuple(Verdict(dimension, None, reason, confidence=Confidence.LOW) for dimension in Dimension)
    return Evaluation(verdicts, None, reason, Confidence.LOW, tuple(flags))


def _floor(case: AnswerCase, flag: str, flags: Sequence[str]) -> Evaluation:
    """Words that are no answer: content is judged, and is at the bottom; nothing else can be."""
    reason = _REASONS[flag]
    words = case.words
    end = min(len(words.rstrip()), 200)
    start = len(words) - len(words.lstrip())
    quote = Quote(words[start:end], start, end)
    verdicts = tuple(
        Verdict(dimension, CAPS[flag], rationale=reason, quotes=(quote,), confidence=Confidence.HIGH)
        if dimension is Dimension.CONTENT
        else Verdict(dimension, None, reason, confidence=Confidence.LOW)
        for dimension in Dimension
    )
    return Evaluation(verdicts, CAPS[flag], reason, Confidence.HIGH, tuple(flags))


def combine(
    screened: Screened,
    readings: Sequence[Reading],
    rubrics: Mapping[Dimension, Rubric],
    *,
    best_confidence: Confidence = Confidence.HIGH,
    provenance: Mapping[str, Any] | None = None,
) -> Evaluation:
    """One evaluation from at least one reading.

    A claim none of whose quotes stands in the answer is dropped. The score of a dimension is the median
    of the claims that are left, when they are at least half of the readings. ``best_confidence`` limits what
    may be shown, for a judge whose agreement with itself proves nothing.
    """
    case, words = screened.case, screened.case.words
    checked = [_checked(reading, words, screened.seen) for reading in readings]
    flags = _flags(screened, readings)
    cap, why = capped_at(flags, screened)
    verdicts = [
        *(_verdict(dimension, [c.get(dimension) for c in checked], best_confidence) for dimension in JUDGED),
        timing(case, screened.seen.text.replace(REMOVED, " ")),
    ]
    verdicts = [_capped(verdict, cap, flags) for verdict in verdicts]
    total = _total(verdicts, rubrics)
    totals = [t for claims in checked if (t := _total([*_plain(claims), verdicts[-1]], rubrics)) is not None]
    totals = [min(t, cap) for t in totals]
    dropped = sum(len(reading.claims) for reading in readings) - sum(len(claims) for claims in checked)
    facts = {**(provenance or {}), "readings": len(readings), "dropped_claims": dropped}
    facts["totals"] = [round(t) for t in totals]
    if total is None:
        reasons = Counter(verdict.reason for verdict in verdicts[:-1])
        blank = not_assessed(reasons.most_common(1)[0][0], flags)
        return Evaluation(blank.verdicts, None, blank.reason, Confidence.LOW, flags, facts)
    overall = round(min(total, cap))
    spread = round(max(totals) - min(totals)) if totals else 0
    sure = _confidence(spread, len(totals), len(readings), best_confidence)
    if "too_short" in flags:
        sure = _lower(sure, Confidence.MEDIUM)
    reason = f"at most {cap}: {why}" if total > cap else ""
    return Evaluation(tuple(verdicts), overall, reason, sure, flags, facts)


_Checked = Mapping[Dimension, tuple[Claim, tuple[Quote, ...]]]


def _checked(reading: Reading, words: str, seen: Blind) -> _Checked:
    """Claims that abstain, and claims with at least one quote that stands in the answer."""
    kept: dict[Dimension, tuple[Claim, tuple[Quote, ...]]] = {}
    for claim in reading.claims:
        quotes = verify(claim.quotes, words, seen) if claim.level is not None else ()
        if claim.dimension in JUDGED and (claim.level is None or quotes):
            kept.setdefault(claim.dimension, (claim, quotes))
    return kept


def _verdict(
    dimension: Dimension, found: Sequence[tuple[Claim, tuple[Quote, ...]] | None], best: Confidence
) -> Verdict:
    scored = [
        (points_at(entry[0].level), *entry)
        for entry in found
        if entry is not None and entry[0].level is not None
    ]
    if len(scored) * 2 < len(found) or not scored:
        abstained = [entry[0].why for entry in found if entry is not None and entry[0].level is None]
        reason = (
            next((why for why in abstained if why), "") or "no words of the answer were found that show it"
        )
        return Verdict(dimension, None, reason, confidence=Confidence.LOW)
    values = [value for value, _, _ in scored]
    middle = median(values)
    _, claim, own = min(scored, key=lambda entry: abs(entry[0] - middle))
    quotes = dict.fromkeys((*own, *(quote for _, _, more in scored for quote in more)))
    spread = round(max(values) - min(values))
    return Verdict(
        dimension,
        round(middle),
        rationale=claim.why,
        quotes=tuple(quotes)[:MAX_QUOTES],
        confidence=_confidence(spread, len(scored), len(found), best),
        spread=spread,
    )


def _confidence(spread: int, used: int, asked: int, best: Confidence) -> Confidence:
    if spread > 25 or used * 2 < asked:
        return Confidence.LOW
    if spread > 12 or used < asked or used < 2:
        return _lower(best, Confidence.MEDIUM)
    return best


def _lower(one: Confidence, other: Confidence) -> Confidence:
    order = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)
    return min(one, other, key=order.index)


def _flags(screened: Screened, readings: Sequence[Reading]) -> tuple[str, ...]:
    flags = dict.fromkeys(screened.flags)
    for flag, votes in (
        ("off_topic", [not reading.on_topic for reading in readings]),
        ("gibberish", [not reading.readable for reading in readings]),
        ("addresses_judge", [reading.addresses_judge for reading in readings]),
    ):
        if sum(votes) * 2 > len(votes):
            flags[flag] = None
    return tuple(flags)


def capped_at(flags: Sequence[str], screened: Screened) -> tuple[int, str]:
    """The most an answer with these flags and of this length can get, and why; (100, "") for no cap."""
    caps = [(CAPS[flag], _REASONS[flag]) for flag in flags if flag in CAPS]
    spoken = word_count(screened.seen.text.replace(REMOVED, " "))
    caps += [(most, _REASONS["too_short"]) for below, most in SHORT_CAPS if spoken < below]
    return min(caps, default=(100, ""))


def _capped(verdict: Verdict, cap: int, flags: Sequence[str]) -> Verdict:
    """What answers another question, or nothing, has neither content nor depth, however it sounds."""
    capped = (Dimension.CONTENT, Dimension.DEPTH)
    if verdict.value is None or verdict.value <= cap or verdict.dimension not in capped:
        return verdict
    return Verdict(
        verdict.dimension,
        cap,
        verdict.reason,
        verdict.rationale,
        verdict.quotes,
        verdict.confidence,
        verdict.spread,
    )


def timing(case: AnswerCase, said: str | None = None) -> Verdict:
    """How much of the time limit was used; from the words when the sound was not measured.

    An estimate stays within `ESTIMATED`: it does not know when the answer began or ended, and more words
    alone must not pay. ``said`` are the words to estimate from, when they are not all of the answer.
    """
    count = word_count(case.words if said is None else said)
    measured = case.seconds is not None and case.seconds > 0
    seconds = case.seconds if case.seconds is not None and measured else count / SPEAKING_RATE
    limit = case.question.time_limit_s
    if limit <= 0 or not count:
        reason = "the question has no time limit" if count else "nothing was said"
        return Verdict(Dimension.TIMING, None, reason, confidence=Confidence.LOW)
    share = seconds / limit
    level = _interpolate(share)
    if not measured:
        level = min(ESTIMATED[1], max(ESTIMATED[0], level))
    how = "" if measured else ", estimated from the words"
    return Verdict(
        Dimension.TIMING,
        round(points_at(level)),
        rationale=f"{round(seconds)} of {limit} seconds{how}",
        confidence=Confidence.HIGH if measured else Confidence.LOW,
    )


def _interpolate(share: float) -> float:
    for (left, low), (right, high) in pairwise(_TIMING):
        if share <= right:
            return low + (high - low) * (share - left) / (right - left)
    return _TIMING[-1][1]


def _total(verdicts: Iterable[Verdict], rubrics: Mapping[Dimension, Rubric]) -> float | None:
    scores = tuple(
        Score(
            verdict.dimension,
            verdict.value,
            verdict.reason or "not assessed",
            verdict.quotes[0].text if verdict.quotes else "",
        )
        for verdict in verdicts
    )
    return Scorecard("", scores).total(rubrics)


def _plain(claims: _Checked) -> list[Verdict]:
    # In the order of the dimensions, so that equal readings add up to equal totals.
    return [
        Verdict(dimension, round(points_at(claim.level)), quotes=quotes)
        for dimension, (claim, quotes) in sorted(claims.items(), key=lambda item: JUDGED.index(item[0]))
        if claim.level is not None
    ]


@dataclass(frozen=True, slots=True)
class Highlight:
    """A strength or a weakness of the session: one verdict of one answer, with its words.

    ``index``: which of the summarised evaluations, from 0.
    """

    dimension: Dimension
    index: int
    value: int
    rationale: str
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class SessionScores:
    """All answers of a session together; means over what was assessed, None where nothing was.

    ``tags``: competencies to practise, the weakest first.
    """

    dimensions: Mapping[Dimension, int | None]
    overall: int | None
    assessed: int
    strengths: tuple[Highlight, ...]
    weaknesses: tuple[Highlight, ...]
    tags: tuple[str, ...]


STRONG: Final = 70
WEAK: Final = 55


def summarise(evaluations: Sequence[Evaluation], questions: Sequence[Question] = ()) -> SessionScores:
    """Means, highlights and learning tags of a session.

    ``questions``: those that were answered, in the order of ``evaluations``; without them there are no
    tags. The overall score is the plain mean of the answers, each judged by itself.

    Raises:
        ValueError: questions are given, but not one for each evaluation.
    """
    if questions and len(questions) != len(evaluations):
        raise ValueError("one question for each evaluation is needed")
    values = {
        dimension: [
            verdict.value
            for evaluation in evaluations
            for verdict in evaluation.verdicts
            if verdict.dimension is dimension and verdict.value is not None
        ]
        for dimension in Dimension
    }
    totals = [evaluation.overall for evaluation in evaluations if evaluation.overall is not None]
    found = [
        Highlight(v.dimension, index, v.value, v.rationale, v.quotes[0] if v.quotes else None)
        for index, evaluation in enumerate(evaluations)
        for v in evaluation.verdicts
        if v.value is not None and v.dimension is not Dimension.TIMING
    ]
    return SessionScores(
        {dimension: _mean(known) for dimension, known in values.items()},
        _mean(totals),
        len(totals),
        _best_of(sorted((h for h in found if h.value >= STRONG), key=lambda h: (-h.value, h.index))),
        _best_of(sorted((h for h in found if h.value < WEAK), key=lambda h: (h.value, h.index))),
        _tags(evaluations, questions),
    )


def _mean(values: Sequence[int]) -> int | None:
    return round(sum(values) / len(values)) if values else None


def _best_of(ranked: Iterable[Highlight]) -> tuple[Highlight, ...]:
    """The first of each dimension, at most three."""
    chosen: dict[Dimension, Highlight] = {}
    for highlight in ranked:
        chosen.setdefault(highlight.dimension, highlight)
    return tuple(chosen.values())[:3]


def _tags(evaluations: Sequence[Evaluation], questions: Sequence[Question]) -> tuple[str, ...]:
    gaps: Counter[str] = Counter()
    for evaluation, question in zip(evaluations, questions, strict=False):
        if evaluation.overall is not None and evaluation.overall < STRONG:
            for competency in question.competencies:
                gaps[competency] += STRONG - evaluation.overall
    return tuple(tag for tag, _ in sorted(gaps.items(), key=lambda item: (-item[1], item[0]))[:5])
