"""Rates change without a seam, whatever the chunks, and without a tone moving or fading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.resample import Resampler

PAIRS = [(48_000, 16_000), (44_100, 16_000), (24_000, 16_000), (8_000, 16_000), (16_000, 24_000)]


def tone(rate: int, hz: float = 440, seconds: float = 1.0) -> bytes:
    t = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * hz * t) * 12_000).astype("<i2").tobytes()


def assert_alike(one: bytes, other: bytes) -> None:
    """Equal but for the noise of rounding, which soxr shapes as it goes."""
    assert len(one) == len(other)
    assert np.abs(np.frombuffer(one, "<i2").astype(int) - np.frombuffer(other, "<i2")).max() <= 2


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_a_tone_keeps_its_pitch_loudness_and_length(rate_in: int, rate_out: int) -> None:
    resampler = Resampler(rate_in, rate_out)
    sound = tone(rate_in)
    pieces = [resampler.push(sound[i : i + 640]) for i in range(0, len(sound), 640)]
    heard = np.frombuffer(b"".join([*pieces, resampler.flush()]), "<i2").astype(float)
    assert abs(len(heard) - rate_out) <= 2
    middle = heard[rate_out // 4 : 3 * rate_out // 4]
    assert np.sqrt((middle**2).mean()) == pytest.approx(12_000 / np.sqrt(2), rel=0.02)
    peak = np.abs(np.fft.rfft(middle)).argmax() * rate_out / len(middle)
    assert peak == pytest.approx(440, abs=3)


@given(cuts=st.lists(st.integers(1, 4001), min_size=1, max_size=20))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    sound = tone(24_000, seconds=0.4)
    whole = Resampler(24_000, 16_000)
    expected = whole.push(sound) + whole.flush()
    resampler, heard, at, turn = Resampler(24_000, 16_000), b"", 0, 0
    while at < len(sound):
        size = cuts[turn % len(cuts)]
        heard += resampler.push(sound[at : at + size])
        at, turn = at + size, turn + 1
    heard += resampler.flush()
    assert_alike(heard, expected)


def test_nothing_above_the_new_rate_folds_down() -> None:
    resampler = Resampler(48_000, 16_000)
    heard = np.frombuffer(resampler.push(tone(48_000, hz=11_000)) + resampler.flush(), "<i2").astype(float)
    assert np.sqrt((heard[2000:-2000] ** 2).mean()) < 12_000 * 0.003


def test_lags_by_a_few_milliseconds_only() -> None:
    resampler = Resampler(48_000, 16_000)
    heard = resampler.push(tone(48_000, seconds=0.1))
    assert len(heard) / 2 >= 1600 - 16 * 10


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(24_000, 16_000)
    first = resampler.push(tone(24_000)) + resampler.flush()
    assert_alike(resampler.push(tone(24_000)) + resampler.flush(), first)


def test_the_same_rate_passes_through_whole_samples() -> None:
    resampler = Resampler(16_000, 16_000)
    assert resampler.push(b"\1\2\3") == b"\1\2"
    assert resampler.push(b"\4") == b"\3\4"
    assert resampler.flush() == b""


@pytest.mark.parametrize("rate", [0, -16_000, 4_000, 1_000_000])
def test_refuses_rates_that_are_none(rate: int) -> None:
    with pytest.raises(ValueError, match="8000 to 192000"):
        Resampler(rate, 16_000)
