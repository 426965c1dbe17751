"""A call's two voices on one clock: what was heard left, what was sounded right, in pieces fit for a file.

`TwoTracks` is sans-I/O. The microphone is the clock: each piece of it brings the same length of the
interviewer's track with it, silence where nothing sounded. The file's size is therefore the call's length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from audio.pcm import EAR_RATE, WIDTH, bytes_of

CHANNELS: Final = 2
FRAME: Final = CHANNELS * WIDTH
"""Bytes of one moment of both tracks."""
HEADER: Final = 44
"""Bytes of a WAV header as written here; sound begins after it."""
MAX_AHEAD_MS: Final = 30_000
"""Interviewer's sound that may wait for the microphone's clock; what is beyond was never played."""
CANDIDATE, INTERVIEWER = 0, 1


class TwoTracks:
    """Collects both tracks at 16 kHz; `take` gives what is complete as interleaved PCM."""

    def __init__(self, base_ms: int = 0) -> None:
        """``base_ms``: where this recording begins on the call's audio clock."""
        self.base_ms = base_ms
        self._heard = bytearray()
        self._sounded = bytearray()
        self._paused: bytearray | None = None
        self._next = 0
        self._taken = 0

    @property
    def position_ms(self) -> int:
        """How far the microphone has come, on the call's audio clock."""
        return self.base_ms + (self._taken + len(self._heard)) * 1000 // (WIDTH * EAR_RATE)

    @property
    def waiting_ms(self) -> int:
        """How much of the microphone has not been taken yet."""
        return len(self._heard) * 1000 // (WIDTH * EAR_RATE)

    def heard(self, pcm: bytes) -> None:
        """The microphone's next piece, 16 kHz."""
        self._heard += pcm

    def sounded(self, pcm: bytes, at_ms: int | None) -> None:
        """The interviewer's sound, 16 kHz, from ``at_ms`` of the call's clock on; replaces what was there.

        None: right behind the last. The microphone's clock moves in steps, which must not tear words apart.
        Of the rest, what lies before the clock's written part is late and dropped; too far ahead as well.
        """
        if self._paused is not None:
            self._paused += pcm
            return
        follows = max(self._next, self._taken)  # late is better than lost
        place = follows if at_ms is None else bytes_of(at_ms - self.base_ms, EAR_RATE)
        self._next = place + len(pcm)
        start = place - self._taken
        if start < 0:
            pcm, start = pcm[-start:], 0
        room = bytes_of(MAX_AHEAD_MS, EAR_RATE) + len(self._heard) - start
        pcm = pcm[: max(room, 0)]
        if not pcm:
            return
        if len(self._sounded) < start:
            self._sounded.extend(bytes(start - len(self._sounded)))
        self._sounded[start : start + len(pcm)] = pcm

    def pause(self, at_ms: int) -> None:
        """Playback stands still at ``at_ms``: what was to come waits."""
        keep = max(bytes_of(at_ms - self.base_ms, EAR_RATE) - self._taken, 0)
        if self._paused is None:
            self._paused = self._sounded[keep:]
            del self._sounded[keep:]

    def resume(self, at_ms: int) -> None:
        """What waits goes on at ``at_ms``."""
        waited, self._paused = self._paused, None
        if waited is not None:
            self.sounded(bytes(waited), at_ms)

    def cut(self, at_ms: int) -> None:
        """Playback stopped at ``at_ms``: nothing that was to come after it sounded."""
        self._paused = None
        keep = bytes_of(at_ms - self.base_ms, EAR_RATE) - self._taken
        del self._sounded[max(keep, 0) :]

    def take(self, least_ms: int = 0) -> bytes:
        """Both tracks up to the microphone's position, interleaved; "" below ``least_ms`` of it."""
        size = len(self._heard) // WIDTH * WIDTH
        if size == 0 or size < bytes_of(least_ms, EAR_RATE):
            return b""
        both = np.zeros((size // WIDTH, CHANNELS), "<i2")
        both[:, CANDIDATE] = np.frombuffer(self._heard, "<i2", size // WIDTH)
        sounded = bytes(self._sounded[:size])
        both[: len(sounded) // WIDTH, INTERVIEWER] = np.frombuffer(sounded, "<i2", len(sounded) // WIDTH)
        del self._heard[:size], self._sounded[:size]
        self._taken += size
        return both.tobytes()


def wav_header(data_bytes: int, channels: int = CHANNELS) -> bytes:
    """The 44 bytes before ``data_bytes`` of 16 kHz PCM (RIFF/WAVE, format 1)."""
    frame = channels * WIDTH
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, EAR_RATE, EAR_RATE * frame, frame, 8 * WIDTH)
    size = min(data_bytes, 0xFFFFFFFF - 36)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + fmt + struct.pack("<4sI", b"data", size)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a call's recording: ``base_ms`` is its begin on the call's audio clock."""

    base_ms: int
    size: int

    @property
    def end_ms(self) -> int:
        return self.base_ms + max(self.size - HEADER, 0) * 1000 // (FRAME * EAR_RATE)

    def span(self, from_ms: int, to_ms: int) -> tuple[int, int]:
        """The bytes of the file that hold ``from_ms`` to ``to_ms`` of the call, whole frames."""
        first = max(from_ms - self.base_ms, 0) * EAR_RATE // 1000
        last = max(to_ms - self.base_ms, 0) * EAR_RATE // 1000
        return HEADER + first * FRAME, max(min(HEADER + last * FRAME, self.size), HEADER)


def one_track(both: bytes, track: int) -> bytes:
    """The PCM of one track out of interleaved PCM."""
    whole = len(both) // FRAME * FRAME
    return np.frombuffer(both[:whole], "<i2").reshape(-1, CHANNELS)[:, track].tobytes()
