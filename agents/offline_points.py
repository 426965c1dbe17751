"""Points for an answer: what most of the offline judge's levels are made of.

Every kind of evidence is counted once for each distinct piece, and each further piece is worth less:
``count / (count + half)`` of the points. So filler, which brings no piece, brings no points. How it is told
(`agents.offline_manner`) adds or takes away. All points stand in ``data/merit.json``, fitted by
``python -m bench.merit``, with no evidence allowed below zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from agents.offline_manner import manner
from agents.offline_reading import Expected, Holding
from agents.offline_relevance import Kind
from agents.offline_words import FLUFF


@dataclass(frozen=True, slots=True)
class Evidence:
    """One kind: half of its points for ``half`` pieces. ``name``: as the rationale says it."""

    name: str
    half: float


EVIDENCE: Final[Mapping[str, Evidence]] = {
    "actions": Evidence("own actions", 3),
    "numbers": Evidence("figures", 2),
    "entities": Evidence("named things", 2),
    "terms": Evidence("specific words", 12),
    "topical": Evidence("words of the subject", 5),
    "learnt": Evidence("lessons", 1),
    "outcome": Evidence("outcomes", 2),
}
KNOWLEDGE: Final = "specific words, where knowledge is asked for"
SELF_PRAISE: Final = "self-praise"
BLAME: Final = "blame on others"
_WORTH_SAYING: Final = 2.0
"""Points; a smaller effect is left out of the rationale."""


class Table(msgspec.Struct, frozen=True):
    """Points for a sign that is fully there, by its name, and what of it is usual; ``start``: before any."""

    start: float
    signs: dict[str, float]
    usual: dict[str, float]


@cache
def table() -> Table:
    """As ``bench/merit.py`` fitted it."""
    return msgspec.json.decode((files("agents") / "data" / "merit.json").read_bytes(), type=Table)


def counts(holding: Holding, expected: Expected) -> dict[str, int]:
    """How many distinct pieces of each kind of evidence the answer holds."""
    found = {name: holding.count(name) for name in ("actions", "numbers", "entities", "terms")}
    found |= {name: holding.cue(name) for name in ("outcome", "learnt", "people")}
    # Saying the words of the question back is no evidence. A word of the subject is a specific one as well:
    # what is looked for must not be worth less than what is not.
    topical = {root for part in holding.kept for root in part.topical} - expected.echo
    found["topical"] = len(topical)
    found["terms"] = len(topical.union(*(part.terms for part in holding.kept)))
    return found


def evidence(holding: Holding, expected: Expected, kind: Kind) -> dict[str, float]:
    """Each kind of evidence between 0 and 1, by its name in the rationale."""
    found = counts(holding, expected)
    shares = {each.name: found[name] / (found[name] + each.half) for name, each in EVIDENCE.items()}
    return shares | {KNOWLEDGE: (kind is Kind.KNOWLEDGE) * shares[EVIDENCE["terms"].name]}


def telling(holding: Holding, expected: Expected) -> dict[str, float]:
    """How it is told: each sign from 0 on, by its name."""
    stems = [root for part in holding.kept for root in part.stems]
    blame = sum(bool(part.cues.get("blame")) for part in holding.parts)
    return manner(holding, counts(holding, expected)) | {
        SELF_PRAISE: sum(root in FLUFF for root in stems) / max(1, len(stems)),
        BLAME: blame / (blame + 1),
    }


def merit(holding: Holding, expected: Expected, kind: Kind) -> tuple[float, str]:
    """Points from 0 to 100 for the whole answer, and what made most of them."""
    points = table()
    held = {name: points.signs[name] * value for name, value in evidence(holding, expected, kind).items()}
    ways = {name: points.signs[name] * value for name, value in telling(holding, expected).items()}
    total = min(100.0, max(0.0, points.start + sum(held.values()) + sum(ways.values())))
    if not holding.kept:
        return total, "No evidence was found."
    beside = {name: value - points.signs[name] * points.usual[name] for name, value in ways.items()}
    return total, _why(held, beside)


def _why(held: Mapping[str, float], beside: Mapping[str, float]) -> str:
    best = [name for name in sorted(held, key=lambda name: -held[name])[:3] if held[name] >= 0.5]
    why = f"Over all, most points come from {', '.join(f'{name} ({held[name]:.0f})' for name in best)}"
    worst = sorted(beside, key=lambda name: beside[name])[:2]
    less = [f"{name} ({beside[name]:.0f})" for name in worst if beside[name] <= -_WORTH_SAYING]
    if not best:
        return "No evidence was found."
    return f"{why}; {' and '.join(less)} against the usual answer." if less else f"{why}."
