"""Delivery numbers against sounds whose properties are known, and against real speech."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.delivery import MAX_MINUTES, DeliveryMeter
from audio.pcm import EAR_RATE
from interview.delivery import DeliveryReport, SpokenWord

Wave = NDArray[np.float64]


def voice(pitch: Wave, loud: float = 0.3) -> Wave:
    """A buzz with the harmonics of a voice; ``pitch`` in Hz, one value per sample."""
    phase = 2 * np.pi * np.cumsum(pitch) / EAR_RATE
    harmonics = np.stack([np.sin(k * phase) / k for k in range(1, 12)])
    return np.asarray(loud * harmonics.sum(axis=0) / 2)


def steady(hz: float, seconds: float) -> Wave:
    return voice(np.full(int(seconds * EAR_RATE), hz))


def quiet(seconds: float) -> Wave:
    return np.random.default_rng(1).normal(0, 1e-4, int(seconds * EAR_RATE))


def report(*parts: Wave, words: list[SpokenWord] | None = None, base_ms: int = 0) -> DeliveryReport:
    sound = np.concatenate(parts)
    meter = DeliveryMeter(base_ms)
    pcm = (sound * 32767).clip(-32768, 32767).astype("<i2").tobytes()
    for at in range(0, len(pcm), 640):
        meter.push(pcm[at : at + 640])
    start = base_ms / 1000
    return meter.report(start, start + len(sound) / EAR_RATE, words or [])


def value(found: DeliveryReport, name: str) -> float:
    measured = found.measures[name].value
    assert measured is not None, found.measures[name].reason
    return measured


def spoken(text: str, seconds: float, confidence: float | None = 0.9) -> list[SpokenWord]:
    words = text.split()
    step = seconds / len(words)
    return [SpokenWord(w, n * step, (n + 1) * step, confidence) for n, w in enumerate(words)]


@pytest.mark.parametrize("hz", [85.0, 120.0, 210.0, 330.0])
def test_a_monotone_voice_hardly_varies(hz: float) -> None:
    assert value(report(steady(hz, 6)), "pitch_variation") < 0.1


@pytest.mark.parametrize("semitones", [1.0, 3.0])
@pytest.mark.parametrize("hz", [110.0, 200.0])
def test_a_melody_varies_by_what_it_moves(hz: float, semitones: float) -> None:
    seconds = np.arange(8 * EAR_RATE) / EAR_RATE
    swing = semitones * math.sqrt(2) * np.sin(2 * np.pi * 0.4 * seconds)
    found = value(report(voice(hz * 2 ** (swing / 12))), "pitch_variation")
    assert found == pytest.approx(semitones, rel=0.2)


def test_pauses_are_counted_by_length() -> None:
    found = report(steady(120, 3), quiet(0.5), steady(120, 3), quiet(1.5), steady(120, 3), quiet(2))
    assert (value(found, "pauses_medium"), value(found, "pauses_long")) == (1, 1)
    assert value(found, "longest_pause") == pytest.approx(1.5, abs=0.1)
    assert value(found, "speech_share") == pytest.approx(9 / 13, abs=0.03)


def test_loud_and_soft_speech_varies_in_energy() -> None:
    flat = value(report(steady(120, 6)), "energy_variation")
    moved = value(report(steady(120, 3), steady(120, 3) * 0.25), "energy_variation")
    assert flat < 0.5
    assert moved == pytest.approx(6.0, abs=0.5)  # half the time 12 dB lower


def test_pace_and_fillers_come_from_the_words() -> None:
    words = spoken("um I led the uh team and we shipped it erm on time so like that", 6)
    found = report(steady(120, 6), words=words)
    assert value(found, "pace") == pytest.approx(160)
    assert value(found, "fillers") == pytest.approx(30)


def test_unsure_words_are_counted_or_said_to_be_unknown() -> None:
    sure, unsure = spoken("one two three", 3), spoken("four five", 2, 0.2)
    assert value(report(steady(120, 6), words=sure + unsure), "low_confidence_words") == 2
    unknown = report(steady(120, 6), words=spoken("one two", 2, None)).measures["low_confidence_words"]
    assert (unknown.value, unknown.reason) == (None, "no confidence is given")


def test_too_little_sound_is_not_measured_and_says_so() -> None:
    for found in (report(steady(120, 2), words=spoken("yes", 1)), report(quiet(10)), report(np.zeros(0))):
        for name in ("pace", "pauses_long", "pitch_variation", "energy_variation"):
            assert found.measures[name].value is None
            assert found.measures[name].reason


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 6 * EAR_RATE)
    assert report(noise).measures["pitch_variation"].reason == "too little voiced sound"


def test_positions_are_those_of_the_calls_clock() -> None:
    assert value(report(steady(120, 6), base_ms=90_000), "pitch_variation") < 0.1


def test_memory_is_bounded_and_what_is_forgotten_is_not_measured() -> None:
    meter = DeliveryMeter()
    second = (steady(120, 1) * 32767).astype("<i2").tobytes()
    for _ in range(MAX_MINUTES * 60 + 30):
        meter.push(second)
    assert meter.report(0, 20, []).measures["pitch_variation"].value is None
    late = meter.report(MAX_MINUTES * 60.0, MAX_MINUTES * 60 + 20.0, [])
    assert value(late, "pitch_variation") < 0.1
    assert sum(part.nbytes for part in (meter._level, meter._pitch)) < 160_000
