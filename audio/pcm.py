"""The sound that moves between the parts: mono, 16-bit signed little-endian PCM."""

from __future__ import annotations

from typing import Final, NewType

EAR_RATE: Final = 16_000
"""Samples per second that voice detection, endpointing and speech recognition work at."""
WIDTH: Final = 2
"""Bytes of one sample."""

AudioMs = NewType("AudioMs", int)
"""A position on the call's audio clock: milliseconds of sound received since the call began."""


def ms_of(pcm: bytes, rate: int) -> float:
    """How long ``pcm`` sounds, in milliseconds."""
    return len(pcm) * 1000 / (WIDTH * rate)


def bytes_of(ms: float, rate: int) -> int:
    """Bytes of ``ms`` milliseconds, whole samples."""
    return int(ms * rate / 1000) * WIDTH
