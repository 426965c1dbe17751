"""A provider's recording, made into what ours are: 16 kHz, the candidate left, the interviewer right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.pcm import EAR_RATE
from audio.recording import CANDIDATE, CHANNELS, HEADER, INTERVIEWER, wav_header
from audio.resample import Resampler

MAX_S: Final = 4 * 3600.0
"""Longer than any interview; a longer file is none of ours."""
LOOKS: Final = 40
"""Stretches of each speaker that are listened to, to tell which channel is whose."""
LOOK_S: Final = 4.0
_BLOCK_S: Final = 10

Span = tuple[float, float]
"""Begin and end, in seconds of the call."""


class Unreadable(ValueError):
    """No recording that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What was written. One channel: both voices are in one, and stand on both sides."""

    channels: int
    seconds: float


def write_sides(source: Path, target: BinaryIO, spoke: Sequence[Span], listened: Sequence[Span]) -> Sides:
    """Write ``source`` (WAV, FLAC, Ogg or MP3) to ``target`` as a WAV of two sides.

    ``spoke`` and ``listened`` are where the candidate and the interviewer are known to talk: which of two
    channels is whose, no provider says. Blocks; call it off the event loop.

    Raises:
        Unreadable: no sound file, or one that is empty or far too long.
    """
    try:
        with soundfile.SoundFile(source) as sound:
            if not 0 < sound.frames <= MAX_S * sound.samplerate or not 8_000 <= sound.samplerate <= 192_000:
                raise Unreadable("the recording is empty, too long, or of an odd rate")
            own = _candidates_channel(sound, spoke, listened) if sound.channels > 1 else 0
            other = 1 - own if sound.channels > 1 else 0
            sound.seek(0)
            frames = _write(sound, target, own, other)
            return Sides(min(sound.channels, CHANNELS), frames / EAR_RATE)
    except soundfile.LibsndfileError as error:
        raise Unreadable("the recording is in no format that can be read") from error


def _write(sound: soundfile.SoundFile, target: BinaryIO, own: int, other: int) -> int:
    """Write header and sound; how many frames."""
    target.write(bytes(HEADER))
    size = 0
    streams = {
        side: (channel, Resampler(sound.samplerate, EAR_RATE))
        for side, channel in ((CANDIDATE, own), (INTERVIEWER, other))
    }
    for block in sound.blocks(_BLOCK_S * sound.samplerate, dtype="int16", always_2d=True):
        pieces = {side: stream.push(block[:, at].tobytes()) for side, (at, stream) in streams.items()}
        size += target.write(_woven(pieces))
    size += target.write(_woven({side: stream.flush() for side, (_, stream) in streams.items()}))
    target.seek(0)
    target.write(wav_header(size))
    return size // (2 * CHANNELS)


def _woven(pieces: dict[int, bytes]) -> bytes:
    both = np.empty((len(pieces[CANDIDATE]) // 2, CHANNELS), "<i2")
    for side, piece in pieces.items():
        both[:, side] = np.frombuffer(piece, "<i2")
    return both.tobytes()


def _candidates_channel(sound: soundfile.SoundFile, spoke: Sequence[Span], listened: Sequence[Span]) -> int:
    """The one of the first two channels that is louder while the candidate talks than while they listen."""
    own, other = _loudness(sound, spoke), _loudness(sound, listened)
    return int(np.argmax((own + 1.0) / (other + 1.0)))


def _loudness(sound: soundfile.SoundFile, spans: Sequence[Span]) -> NDArray[np.float64]:
    """Mean square of the first two channels over some of ``spans``."""
    total, count = np.zeros(CHANNELS), 0
    for start, end in spans[:: max(1, len(spans) // LOOKS)][:LOOKS]:
        first = int(start * sound.samplerate)
        if not 0 <= first < sound.frames or end <= start:
            continue
        sound.seek(first)
        length = int(min(end - start, LOOK_S) * sound.samplerate)
        heard = sound.read(length, dtype="int16", always_2d=True)[:, :CHANNELS].astype(np.float64)
        total += (heard**2).sum(axis=0)
        count += len(heard)
    return total / max(count, 1)
