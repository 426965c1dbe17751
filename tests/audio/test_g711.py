"""G.711 against the reference values of the recommendation's tables, and there and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audio.g711 import alaw_to_pcm, pcm_to_alaw, pcm_to_ulaw, ulaw_to_pcm

EVERY = bytes(range(256))


def _samples(pcm: bytes) -> list[int]:
    return [int(sample) for sample in np.frombuffer(pcm, "<i2")]


def test_reference_values() -> None:
    assert _samples(ulaw_to_pcm(bytes([0x00, 0x7F, 0x80, 0xFF, 0x0F, 0x8F]))) == [
        -32124,
        0,
        32124,
        0,
        -16764,
        16764,
    ]
    assert _samples(alaw_to_pcm(bytes([0x55, 0xD5, 0x2A, 0xAA, 0x80]))) == [-8, 8, -32256, 32256, 5504]


def test_every_code_comes_back() -> None:
    assert pcm_to_alaw(alaw_to_pcm(EVERY)) == EVERY
    again = ulaw_to_pcm(pcm_to_ulaw(ulaw_to_pcm(EVERY)))
    assert again == ulaw_to_pcm(EVERY)  # 0x7f and 0xff are both silence


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=64))
def test_speech_survives_within_a_step(samples: list[int]) -> None:
    pcm = np.array(samples, "<i2").tobytes()
    for there, back in ((pcm_to_ulaw, ulaw_to_pcm), (pcm_to_alaw, alaw_to_pcm)):
        for before, after in zip(samples, _samples(back(there(pcm))), strict=True):
            assert abs(before - after) <= max(abs(before) // 16, 16) + 644 * (abs(before) > 31_700)
