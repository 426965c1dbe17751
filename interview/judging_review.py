"""A person's values over a judge's: what is then in force, and the total that code makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from interview.evaluation import AnswerCase, Evaluation, Verdict
from interview.judging import capped_at, screen
from interview.rubric import Confidence, Dimension, Rubric

FAIR: Final = 10
"""Points within which two judgements of the same words are taken to agree."""


@dataclass(frozen=True, slots=True)
class Override:
    """One dimension of one answer as a person values it, 0–100, with their reason."""

    dimension: Dimension
    value: int
    reason: str


def in_force(
    judged: Evaluation, overrides: Sequence[Override], case: AnswerCase, rubrics: Mapping[Dimension, Rubric]
) -> Evaluation:
    """``judged`` with the newest override of each dimension (later ones win), and its total made anew.

    What a person said of the content outranks a cap that code put on the answer; otherwise the cap stays.
    Quotes and rationale of the judge are kept: they are what it saw.
    """
    if not overrides:
        return judged
    newest = {override.dimension: override for override in overrides}
    verdicts = tuple(_valued(verdict, newest.get(verdict.dimension)) for verdict in judged.verdicts)
    total = _total(verdicts, rubrics)
    if total is None:
        return replace(judged, verdicts=verdicts)
    cap, why = (100, "") if Dimension.CONTENT in newest else capped_at(judged.flags, screen(case))
    reason = f"at most {cap}: {why}" if total > cap else ""
    return replace(judged, verdicts=verdicts, overall=round(min(total, cap)), reason=reason)


def _valued(verdict: Verdict, override: Override | None) -> Verdict:
    if override is None:
        return verdict
    return replace(verdict, value=override.value, reason="", confidence=Confidence.HIGH, spread=0)


def _total(verdicts: Sequence[Verdict], rubrics: Mapping[Dimension, Rubric]) -> float | None:
    """As `Scorecard.total`; a person's value needs no quote."""
    known = [(rubrics[v.dimension].weight, v.value) for v in verdicts if v.value is not None]
    if all(v.value is None for v in verdicts if v.dimension is not Dimension.TIMING):
        return None
    return round(sum(weight * value for weight, value in known) / sum(weight for weight, _ in known), 1)


def agree(before: int | None, after: int | None) -> bool:
    """Do two judgements of the same words say the same, within `FAIR` points?"""
    if before is None or after is None:
        return before is after
    return abs(after - before) <= FAIR
