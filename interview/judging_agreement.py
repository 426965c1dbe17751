"""How far a judge agrees with people, and with itself: plain statistics over a labelled set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from interview.rubric import LEVEL_POINTS, level_of

MARGIN: Final = 10
"""Points by which two people's scores must differ before their order means anything."""


@dataclass(frozen=True, slots=True)
class Retest:
    """Spread between independent readings of the same answer, in points; None with fewer than two readings.

    ``identical``: the share of answers on which all readings gave the same total.
    """

    samples: int
    answers: int
    mean_spread: float | None
    max_spread: int | None
    identical: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a judge with people, over the ``n`` answers that both scored; None where n is too small.

    ``qwk``: quadratic weighted kappa over the five levels. ``order_accuracy``: of the pairs that people
    put at least `MARGIN` points apart, the share that the judge puts in the same order; equal is wrong.
    """

    n: int
    qwk: float | None
    spearman: float | None
    mae: float | None
    order_accuracy: float | None
    order_pairs: int


def agreement(pairs: Sequence[tuple[float, float]]) -> Agreement:
    """``pairs``: (the judge's, people's) 0–100 score of each answer that both scored."""
    right, of = _ordered(pairs)
    return Agreement(
        len(pairs),
        quadratic_kappa(pairs),
        spearman(pairs),
        round(sum(abs(a - b) for a, b in pairs) / len(pairs), 2) if pairs else None,
        round(right / of, 4) if of else None,
        of,
    )


def quadratic_kappa(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Agreement beyond chance over the five levels, 1 at best; None when either side uses one level only."""
    if len(pairs) < 2:
        return None
    levels = sorted(LEVEL_POINTS)
    seen = Counter((level_of(a), level_of(b)) for a, b in pairs)
    ours = Counter(level_of(a) for a, _ in pairs)
    theirs = Counter(level_of(b) for _, b in pairs)
    observed = sum((a - b) ** 2 * count for (a, b), count in seen.items())
    chance = sum((a - b) ** 2 * ours[a] * theirs[b] for a in levels for b in levels) / len(pairs)
    return round(1 - observed / chance, 4) if chance else None


def spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Rank correlation, with mean ranks for ties; None when either side does not vary."""
    if len(pairs) < 3:
        return None
    ours, theirs = _ranks([a for a, _ in pairs]), _ranks([b for _, b in pairs])
    mean = (len(pairs) + 1) / 2
    cross = sum((a - mean) * (b - mean) for a, b in zip(ours, theirs, strict=True))
    spread = sum((a - mean) ** 2 for a in ours) * sum((b - mean) ** 2 for b in theirs)
    return round(float(cross / spread**0.5), 4) if spread else None


def _ranks(values: Sequence[float]) -> list[float]:
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values), start=1):
        places.setdefault(value, []).append(place)
    return [sum(places[value]) / len(places[value]) for value in values]


def _ordered(pairs: Sequence[tuple[float, float]]) -> tuple[int, int]:
    right = of = 0
    for (one, one_human), (two, two_human) in combinations(pairs, 2):
        if abs(one_human - two_human) >= MARGIN:
            of += 1
            right += (one - two) * (one_human - two_human) > 0
    return right, of


def retest(samples: int, totals: Sequence[Sequence[int]]) -> Retest:
    """``totals``: for each answer, the totals of its independent readings."""
    spreads = [max(each) - min(each) for each in totals if len(each) > 1]
    if not spreads:
        return Retest(samples, 0, None, None, None)
    same = sum(spread == 0 for spread in spreads) / len(spreads)
    mean = sum(spreads) / len(spreads)
    return Retest(samples, len(spreads), round(mean, 2), max(spreads), round(same, 4))
