"""Whether a sound holds a piece of another."""

from __future__ import annotations

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
