"""Real human speech for tests: the 16 kHz prompts of Debian's asterisk-core-sounds-en-g722, one voice."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Pcm = npt.NDArray[np.int16]

PACKAGE = "asterisk-core-sounds-en-g722"
FOLDER = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
RATE = 16_000


def here() -> bool:
    return (FOLDER / "demo-congrats.g722").exists()


def needed() -> None:
    """Skip the test, naming the package, where the prompts are not installed."""
    if not here():
        pytest.skip(f"needs human speech: apt-get install {PACKAGE}")


@cache
def prompt(name: str) -> Pcm:
    """The samples of one prompt, 16 kHz mono; as recorded, with the silence around it. Do not write to it."""
    import av  # only tests and benches that use real speech need a decoder

    pieces: list[npt.NDArray[Any]] = []
    with av.open(str(FOLDER / f"{name}.g722"), format="g722") as container:
        for frame in container.decode(audio=0):
            pieces.append(frame.to_ndarray().reshape(-1))
    samples: Pcm = np.concatenate(pieces).astype(np.int16)
    samples.setflags(write=False)
    return samples


def silence(ms: float) -> Pcm:
    return np.zeros(int(ms * RATE / 1000), np.int16)


def hiss(ms: float, level: float = 30.0, seed: int = 0) -> Pcm:
    """The floor of a quiet room: white noise of ``level`` (root mean square, in steps of 16-bit samples)."""
    noise = np.random.default_rng(seed).normal(0, level, int(ms * RATE / 1000))
    return np.clip(noise, -32768, 32767).astype(np.int16)


def trimmed(samples: Pcm, floor: float = 150.0) -> Pcm:
    """Without the quiet at both ends: blocks of 10 ms whose loudness is under ``floor``."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    loud = np.flatnonzero(np.sqrt((blocks**2).mean(axis=1)) > floor)
    return samples[loud[0] * 160 : (loud[-1] + 1) * 160] if len(loud) else samples[:0]


def join(*pieces: Pcm) -> Pcm:
    joined: Pcm = np.concatenate(pieces)
    return joined


def in_room(samples: Pcm, level: float = 15.0) -> Pcm:
    """``samples`` over the quiet hiss of a room."""
    loud = samples.astype(np.int32) + hiss(len(samples) * 1000 / RATE, level)[: len(samples)]
    clipped: Pcm = np.clip(loud, -32768, 32767).astype(np.int16)
    return clipped
