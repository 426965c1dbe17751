"""Points for evidence: the table that makes most of the offline judge's levels.

Every kind of evidence is counted once for each distinct piece, and each further piece is worth less:
``count / (count + half)`` of the points. So filler, which brings no piece, brings no points. The points were
fitted once, by ridge regression with no evidence allowed below zero, on the development set with its
questions kept apart in cross-validation; see docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agents.offline_reading import Expected, Holding
from agents.offline_relevance import Kind
from agents.offline_words import FLUFF


@dataclass(frozen=True, slots=True)
class Worth:
    """``most`` points for endless pieces, half of them for ``half`` pieces. ``name``: as the rationale "
    "says it."""

    name: str
    half: float
    most: float


EVIDENCE: Final[Mapping[str, Worth]] = {
    "actions": Worth("own actions", 3, 10.4),
    "numbers": Worth("figures", 2, 20.3),
    "entities": Worth("named things", 2, 5.2),
    "terms": Worth("specific words", 12, 29.7),
    "topical": Worth("words of the subject", 5, 8.8),
    "reason": Worth("reasons", 2, 2.6),
    "contrast": Worth("alternatives and conditions", 2, 6.0),
    "sequence": Worth("steps in order", 2, 7.9),
    "situation": Worth("a scene", 1.5, 6.6),
    "learnt": Worth("lessons", 1, 5.0),
    "example": Worth("examples", 1, 5.6),
    "people": Worth("other people's part", 3, 12.3),
}
START: Final = 25.6
"""Points before any evidence."""
FILLER: Final = -20.9
"""For an answer of nothing but self-praise."""
VAGUE: Final = -1.8
"""For one vague word in twenty."""
KNOWLEDGE_TERMS: Final = 12.8
"""More for specific words where knowledge is asked for."""


def counts(holding: Holding, expected: Expected) -> dict[str, int]:
    """How many distinct pieces of each kind of evidence the answer holds."""
    found = {name: holding.count(name) for name in ("actions", "numbers", "entities", "terms")}
    # Saying the words of the question back is no evidence.
    found["topical"] = len({root for part in holding.kept for root in part.topical} - expected.echo)
    return found | {name: holding.cue(name) for name in EVIDENCE if name not in found}


def merit(holding: Holding, expected: Expected, kind: Kind) -> tuple[float, str]:
    """Points from 0 to 100 for all the evidence together, and the three kinds that made most of them."""
    found = counts(holding, expected)
    made = {
        worth.name: worth.most * found[name] / (found[name] + worth.half) for name, worth in EVIDENCE.items()
    }
    if kind is Kind.KNOWLEDGE:
        made[EVIDENCE["terms"].name] += KNOWLEDGE_TERMS * found["terms"] / (found["terms"] + 12)
    stems = [root for part in holding.kept for root in part.stems]
    filler = sum(root in FLUFF for root in stems) / max(1, len(stems))
    vague = min(1.0, 20 * holding.vague / max(1, holding.words))
    total = START + sum(made.values()) + FILLER * filler + VAGUE * vague
    best = sorted(made, key=lambda name: -made[name])[:3]
    why = ", ".join(f"{name} ({made[name]:.0f})" for name in best if made[name] >= 0.5)
    return min(
        100.0, max(0.0, total)
    ), f"Over all, most points come from {why}." if why else "No evidence was found."
