"""One loudness for all voices: measured while it streams, corrected by a slow gain, never clipped."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

TARGET_DB: Final = -20.0
"""Root mean square over speech, in decibels of full scale."""
CEILING: Final = 0.89
"""Of full scale (-1 dB): no sample goes beyond."""
MOST_DB: Final = 15.0
"""No voice is made louder or softer by more than this: noise must stay noise."""
GATE_DB: Final = -45.0
"""What is softer than this is a pause."""
_BLOCK_S: Final = 0.01
_MEMORY_S: Final = 4.0
_DOUBT_S: Final = 0.05
"""After so much speech of a new voice, half of the correction is made: its first sound may be an odd one."""
_RISE_DB, _FALL_DB = 0.1, 0.3
"""Most change of the gain per block: too loud is worse than too soft."""

_Samples = npt.NDArray[np.float64]


def power(db: float) -> float:
    return float(10 ** (db / 10))


class Levels:
    """How loud each voice is by itself. One per server, so that a voice is met with the right gain."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float]] = {}

    def gain_db(self, voice: str) -> float:
        """What brings ``voice`` to the target; 0 for one that was never met, nearer the more it was heard."""
        if voice not in self._known:
            return 0.0
        mean, seconds = self._known[voice]
        sure = seconds / (seconds + _DOUBT_S)
        return float(np.clip((TARGET_DB - 10 * np.log10(mean)) * sure, -MOST_DB, MOST_DB))

    def met(self, voice: str) -> bool:
        return voice in self._known

    def learn(self, voice: str, mean: float, seconds: float) -> None:
        """``seconds`` of speech had the mean square ``mean`` (full scale is 1)."""
        known, before = self._known.get(voice, (mean, 0.0))
        total = before + seconds
        self._known[voice] = ((known * before + mean * seconds) / total, min(total, _MEMORY_S))


class Leveller:
    """For one stretch of one voice at ``rate``. ``push`` holds back less than 10 ms until `flush`."""

    def __init__(self, levels: Levels, voice: str, rate: int) -> None:
        self._levels, self._voice = levels, voice
        self._block = int(rate * _BLOCK_S)
        self._held = b""
        self._gain_db: float | None = levels.gain_db(voice) if levels.met(voice) else None

    def push(self, pcm: bytes) -> bytes:
        data = self._held + pcm
        size = len(data) // (2 * self._block) * 2 * self._block
        self._held = data[size:]
        return self._level(data[:size], self._block) if size else b""

    def flush(self) -> bytes:
        rest, self._held = self._held[: len(self._held) & ~1], b""
        return self._level(rest, len(rest) // 2) if rest else b""

    def _level(self, data: bytes, block: int) -> bytes:
        blocks: _Samples = np.frombuffer(data, "<i2").astype(np.float64).reshape(-1, block) / 32768
        squares = (blocks**2).mean(axis=1)
        speech = squares[squares > power(GATE_DB)]
        if len(speech):
            self._levels.learn(self._voice, float(speech.mean()), len(speech) * _BLOCK_S)
        wanted = self._levels.gain_db(self._voice)
        begun = wanted if self._gain_db is None else self._gain_db
        steps = np.arange(1, len(blocks) + 1)
        gains_db = begun + np.clip(wanted - begun, -steps * _FALL_DB, steps * _RISE_DB)
        self._gain_db = float(gains_db[-1])
        return _apply(blocks, begun, gains_db)


def _apply(blocks: _Samples, begun_db: float, gains_db: _Samples) -> bytes:
    """Each block with a gain that runs from the one before to its own, lowered where it would clip."""
    gains = 10 ** (np.concatenate(([begun_db], gains_db)) / 20)
    along = np.linspace(0.0, 1.0, blocks.shape[1], endpoint=False)
    ramps = gains[:-1, None] + (gains[1:] - gains[:-1])[:, None] * along
    out = blocks * ramps
    peaks = np.abs(out).max(axis=1)
    # Lowered as a whole and back within one block's length: shorter than an ear can follow.
    over = peaks > CEILING
    out[over] *= (CEILING / peaks[over])[:, None]
    return bytes(np.round(out * 32767).astype("<i2").tobytes())
