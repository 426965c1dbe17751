"""G.711, the telephone's two codecs, by table: one byte a sample at 8 kHz to 16-bit PCM and back.

Source: ITU-T G.711; the tables agree with the recommendation's reference values.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 8_000
"""Samples per second of both codecs."""


def ulaw_to_pcm(coded: bytes) -> bytes:
    return bytes(_ulaw()[np.frombuffer(coded, np.uint8)])


def alaw_to_pcm(coded: bytes) -> bytes:
    return bytes(_alaw()[np.frombuffer(coded, np.uint8)])


def pcm_to_ulaw(pcm: bytes) -> bytes:
    return bytes(_ulaw_codes()[np.frombuffer(pcm, "<u2")])


def pcm_to_alaw(pcm: bytes) -> bytes:
    return bytes(_alaw_codes()[np.frombuffer(pcm, "<u2")])


@cache
def _ulaw() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    step, segment = code & 0x0F, (code >> 4) & 0x07
    size = (((step << 3) + 0x84) << segment) - 0x84
    return np.where(code & 0x80, -size, size).astype("<i2")


@cache
def _alaw() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    step, segment = code & 0x0F, (code >> 4) & 0x07
    size = np.where(segment == 0, (step << 4) + 8, ((step << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype("<i2")


def _nearest(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """For each 16-bit pattern, read as unsigned: the code whose value is nearest to the sample."""
    order = np.argsort(values, kind="stable")
    ranked = values[order].astype(np.int32)
    samples = np.arange(65_536).astype(np.uint16).view(np.int16).astype(np.int32)
    above = np.searchsorted(ranked, samples).clip(1, len(ranked) - 1)
    lower = samples - ranked[above - 1] <= ranked[above] - samples
    return order[np.where(lower, above - 1, above)].astype(np.uint8)


@cache
def _ulaw_codes() -> NDArray[np.uint8]:
    return _nearest(_ulaw())


@cache
def _alaw_codes() -> NDArray[np.uint8]:
    return _nearest(_alaw())
