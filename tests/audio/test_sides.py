"""A provider's recording becomes two sides at 16 kHz, whatever its rate, format and order of channels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio import sides
from audio.sides import Unreadable, write_sides

SPOKE, LISTENED = [(1.0, 2.0)], [(0.0, 1.0), (2.0, 3.0)]
LOW, HIGH = 200, 600


def tone(rate: int, hertz: int, spans: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Three seconds with a tone in ``spans``."""
    at = np.arange(3 * rate) / rate
    there = np.any([(at >= start) & (at < end) for start, end in spans], axis=0)
    return np.where(there, 0.5 * np.sin(2 * np.pi * hertz * at), 0.0)


def made(folder: Path, rate: int, *channels: NDArray[np.float64], name: str = "call.wav") -> Path:
    file = folder / name
    soundfile.write(file, np.stack(channels, axis=1), rate)
    return file


def written(source: Path) -> tuple[sides.Sides, NDArray[np.float64]]:
    target = io.BytesIO()
    found = write_sides(source, target, SPOKE, LISTENED)
    target.seek(0)
    sound, rate = soundfile.read(target, always_2d=True)
    assert rate == 16_000
    assert sound.shape[1] == 2
    return found, sound


def pitch(sound: NDArray[np.float64], start: float, end: float) -> int:
    """The strongest frequency of a stretch, 0 for silence."""
    part = sound[int(start * 16_000) : int(end * 16_000)]
    if np.abs(part).max() < 0.05:
        return 0
    return round(float(np.argmax(np.abs(np.fft.rfft(part)))) / (end - start))


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100])
@pytest.mark.parametrize("swapped", [False, True])
def test_each_voice_is_on_its_side(tmp_path: Path, rate: int, swapped: bool) -> None:
    own, other = tone(rate, LOW, SPOKE), tone(rate, HIGH, LISTENED)
    channels = (other, own) if swapped else (own, other)
    found, sound = written(made(tmp_path, rate, *channels))
    assert found.channels == 2
    assert found.seconds == pytest.approx(3.0, abs=0.01)
    candidate, interviewer = sound[:, 0], sound[:, 1]
    assert [pitch(candidate, start + 0.2, start + 0.8) for start in range(3)] == [0, LOW, 0]
    assert [pitch(interviewer, start + 0.2, start + 0.8) for start in range(3)] == [HIGH, 0, HIGH]


def test_one_channel_stands_on_both_sides(tmp_path: Path) -> None:
    rate = 24_000
    both = tone(rate, LOW, SPOKE) + tone(rate, HIGH, LISTENED)
    found, sound = written(made(tmp_path, rate, both))
    assert found.channels == 1
    for side in (0, 1):
        assert [pitch(sound[:, side], start + 0.2, start + 0.8) for start in range(3)] == [HIGH, LOW, HIGH]


@pytest.mark.parametrize("name", ["call.flac", "call.ogg", "call.mp3"])
def test_other_formats_are_read_too(tmp_path: Path, name: str) -> None:
    rate = 16_000
    source = made(tmp_path, rate, tone(rate, HIGH, LISTENED), tone(rate, LOW, SPOKE), name=name)
    _, sound = written(source)
    assert pitch(sound[:, 0], 1.2, 1.8) == pytest.approx(LOW, abs=3)


def test_without_any_times_the_first_channel_is_taken_for_the_candidates(tmp_path: Path) -> None:
    source = made(tmp_path, 16_000, tone(16_000, LOW, SPOKE), tone(16_000, HIGH, LISTENED))
    target = io.BytesIO()
    write_sides(source, target, [], [])
    target.seek(0)
    sound, _ = soundfile.read(target)
    assert pitch(sound[:, 0], 1.2, 1.8) == LOW


def test_what_is_no_recording_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.wav"
    page.write_bytes(b"<html>Not here</html>")
    empty = made(tmp_path, 16_000, np.zeros(0))
    for source in (page, empty):
        with pytest.raises(Unreadable):
            written(source)
    monkeypatch.setattr(sides, "MAX_S", 2.0)
    with pytest.raises(Unreadable, match="too long"):
        written(made(tmp_path, 16_000, tone(16_000, LOW, SPOKE)))
