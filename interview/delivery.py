"""How an answer was spoken: words with times, and numbers measured from the sound.

Measurements, never verdicts: there is no emotion in here and nothing passes or fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One recognised word. ``start_s`` and ``end_s``: seconds of call audio; ``confidence``: 0–1."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, or None with the reason why the sound does not support it."""

    value: float | None
    unit: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The measures of one answer by name: ``pace``, ``fillers``, ``pauses``, ``longest_pause``, …"""

    measures: Mapping[str, Measure] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        return {name: asdict(measure) for name, measure in self.measures.items()}


@dataclass(frozen=True, slots=True)
class Spoken:
    """The sound behind an utterance, on the clock of the call's audio (seconds since it began)."""

    start_s: float
    end_s: float
    words: tuple[SpokenWord, ...] = ()
    report: DeliveryReport | None = None
