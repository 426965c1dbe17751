"""Whether a sound holds a piece of another, and a text the words of another."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from tests.browser.fake_realtime import RATE

Samples = npt.NDArray[np.float64]


def likeness(spoken: Samples, heard: Samples, ms: int = 400) -> float:
    """The best normalised correlation of a loud piece of ``heard`` with any place in ``spoken``."""
    size = RATE * ms // 1000
    starts = range(0, len(heard) - size, size // 2)
    at = max(starts, key=lambda i: float(np.square(heard[i : i + size]).sum()))
    piece = heard[at : at + size] - heard[at : at + size].mean()
    length = len(spoken) + size
    product = np.fft.irfft(np.fft.rfft(spoken, length) * np.conj(np.fft.rfft(piece, length)), length)
    energy = np.convolve(np.square(spoken), np.ones(size), "full")[size - 1 :]
    valid = len(spoken) - size
    return float((product[:valid] / np.sqrt(energy[:valid] * np.square(piece).sum() + 1e-9)).max())


def shared(said: str, captions: list[str]) -> float:
    """The share of the words of ``said`` that stand in the captions."""
    words = set(re.findall(r"[a-z']+", said.lower()))
    return len(words & set(re.findall(r"[a-z']+", " ".join(captions).lower()))) / len(words)
