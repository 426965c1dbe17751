"""One loudness for all voices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from audio.loudness import CEILING, TARGET_DB, Leveller, Levels

RATE = 16_000


def speech(db: float, seconds: float = 4.0) -> npt.NDArray[np.int16]:
    """Noise in bursts, as speech is, with pauses between: ``db`` is the level of the bursts."""
    n = int(seconds * RATE)
    noise = np.random.default_rng(1).normal(0, 10 ** (db / 20), n)
    bursts = (np.arange(n) // (RATE // 4)) % 4 != 3
    samples: npt.NDArray[np.int16] = np.clip(noise * bursts * 32768, -32768, 32767).astype(np.int16)
    return samples


def level(samples: npt.NDArray[np.int16], levels: Levels, voice: str = "v", chunk: int = 777) -> bytes:
    leveller, out = Leveller(levels, voice, RATE), b""
    data = samples.tobytes()
    for start in range(0, len(data), 2 * chunk):
        out += leveller.push(data[start : start + 2 * chunk])
    return out + leveller.flush()


def db_of(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float64) / 32768
    blocks = (samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
    return float(10 * np.log10(blocks[blocks > 1e-5].mean()))


@pytest.mark.parametrize("db", [-32.0, -26.0, -20.0, -14.0, -10.0])
def test_a_voice_that_was_met_comes_out_at_the_target(db: float) -> None:
    levels = Levels()
    level(speech(db), levels)
    out = level(speech(db), levels)
    assert db_of(out) == pytest.approx(TARGET_DB, abs=1.0)
    assert len(out) == len(speech(db).tobytes())


@pytest.mark.parametrize("db", [-28.0, -12.0])
def test_a_new_voice_is_near_it_from_its_first_sound(db: float) -> None:
    first = level(speech(db, 1.0), Levels())
    assert db_of(first) == pytest.approx(TARGET_DB, abs=3.0)


def test_nothing_clips_however_it_peaks() -> None:
    samples = speech(-30.0)
    samples[5000:5040] = 32767
    samples[9000] = -32768
    levels = Levels()
    level(samples, levels)
    out = np.frombuffer(level(samples, levels), "<i2")
    assert np.abs(out.astype(np.int32)).max() <= round(CEILING * 32767) + 1


def test_silence_is_not_made_loud() -> None:
    hiss = (np.random.default_rng(2).normal(0, 20, RATE)).astype(np.int16)
    out = np.frombuffer(level(hiss, Levels()), "<i2").astype(np.float64)
    assert np.sqrt((out**2).mean()) == pytest.approx(20, rel=0.1)


def test_voices_are_known_apart() -> None:
    levels = Levels()
    level(speech(-30.0), levels, "soft")
    level(speech(-10.0), levels, "loud")
    assert levels.gain_db("soft") > 6
    assert levels.gain_db("loud") < -6
    assert levels.gain_db("never met") == 0.0


def test_how_it_is_cut_into_pieces_makes_no_seam() -> None:
    levels = Levels()
    level(speech(-26.0), levels)
    tone = (8000 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)).astype(np.int16)
    out = np.frombuffer(level(tone, levels, chunk=101), "<i2").astype(np.int32)
    assert np.abs(np.diff(out)).max() < 2 * np.abs(np.diff(tone.astype(np.int32))).max() * 2
