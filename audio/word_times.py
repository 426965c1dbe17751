"""When each word of a text was said, where the recogniser gives the text alone.

The words share out the time in which there is a voice, each by its length in letters: right to a few tenths
of a second within a piece of some seconds, and never inside a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_MS: Final = 20
_ABOVE_FLOOR: Final = 4.0
"""A frame holds voice when it is this much louder (amplitude) than the quietest tenth of the piece…"""
_OF_PEAK: Final = (0.02, 0.1)
"""…but the line is drawn between these shares of the loudest frame: a piece may hold no quiet at all."""


def spread(
    words: Sequence[str], sound: npt.NDArray[np.float32], rate: int, begin_s: float = 0.0
) -> list[tuple[str, float, float]]:
    """``words`` with start and end in seconds; ``sound``: mono samples, -1..1, that begin at ``begin_s``."""
    frame = rate * FRAME_MS // 1000
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    if not words or not len(frames):
        return [(word, begin_s, begin_s) for word in words]
    loud = np.sqrt(np.square(frames).mean(axis=1))
    floor, peak = float(np.quantile(loud, 0.1)), float(loud.max())
    voiced = loud > min(max(floor * _ABOVE_FLOOR, peak * _OF_PEAK[0]), peak * _OF_PEAK[1])
    if not voiced.any():
        voiced[:] = True
    places = np.flatnonzero(voiced)
    letters = np.cumsum([0, *(len(word) + 1 for word in words)])
    # Where on the axis of voiced frames each word begins and ends.
    edges = letters / letters[-1] * len(places)
    step = FRAME_MS / 1000

    def start(at: float) -> float:
        whole = min(int(at), len(places) - 1)
        return begin_s + (int(places[whole]) + at - whole) * step

    def end(at: float) -> float:
        # A word that ends where a pause begins ends before it.
        whole = max(int(np.ceil(at)) - 1, 0)
        return begin_s + (int(places[whole]) + at - whole) * step

    pairs = zip(words, edges[:-1], edges[1:], strict=True)
    return [(word, start(float(a)), max(end(float(b)), start(float(a)))) for word, a, b in pairs]
