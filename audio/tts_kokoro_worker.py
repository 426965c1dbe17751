"""Kokoro in a process of its own: text in, sound out, batch by batch.

Only explicit local files are read; nothing is ever fetched from here. The package turns text into phonemes
with eSpeak NG, which is one more reason for a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from audio.engine_frames import WorkerError
from audio.tts_worker import Emit, Order, Synthesise, serve

_CHUNK: Final = 2400
_SHORT: Final = 50
"""Characters: about three seconds of sound."""
_SPEEDS: Final = (0.5, 2.0)


def load(config: Mapping[str, Any]) -> tuple[Synthesise, int]:
    for name in ("model", "voices"):
        if not Path(config[name]).is_file():
            raise WorkerError(f"its {name} file is not here: viva models pull kokoro", "missing")
    try:
        from kokoro_onnx import Kokoro
        from kokoro_onnx.config import SAMPLE_RATE
    except ImportError:
        raise WorkerError("not installed: pip install 'viva[kokoro]'", "missing") from None
    try:
        kokoro = Kokoro(config["model"], config["voices"])
    except Exception as trouble:
        raise WorkerError(f"its files cannot be used ({type(trouble).__name__})", "missing") from None
    return _Engine(kokoro).speak, SAMPLE_RATE


class _Engine:
    def __init__(self, kokoro: Any) -> None:
        self._kokoro = kokoro

    def speak(self, order: Order, emit: Emit) -> None:
        import numpy as np

        if order.voice not in self._kokoro.get_voices():
            raise WorkerError(f"its voices file has no {order.voice}", "refused")
        language = "en-gb" if order.voice.startswith("b") else "en-us"
        speed = min(max(order.speed, _SPEEDS[0]), _SPEEDS[1])
        for part in parts(order.text):
            sound, _ = self._kokoro.create(part, voice=order.voice, speed=speed, lang=language)
            samples = (np.clip(sound, -1.0, 1.0) * 32767).astype("<i2")
            for start in range(0, len(samples), _CHUNK):
                if not emit(samples[start : start + _CHUNK].tobytes(), []):
                    return


def parts(text: str) -> list[str]:
    """``text`` in stretches that end at punctuation: nobody waits for the sound of a whole long sentence.

    What has no sound is left out; the package refuses it.
    """
    out: list[str] = []
    for clause in re.split(r"(?<=[,;:.!?—])\s+", text):
        if out and len(out[-1]) < _SHORT:
            out[-1] += f" {clause}"
        else:
            out.append(clause)
    return [part for part in out if any(c.isalnum() for c in part)]


if __name__ == "__main__":
    serve(load)
