"""From an engine's sound to the pieces that a line sends: one rate, one loudness, one time line per reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from audio.loudness import Leveller
from audio.pcm import WIDTH, bytes_of, ms_of
from audio.resample import Resampler
from audio.tts import Sound, WordTime
from interview.events import TurnId

PIECE_MS: Final = 100.0
_QUIET: Final = 160
"""Amplitude (-46 dB) below which the silence before a reply's first sound is left out …"""
_KEPT_MS: Final = 20.0
_MOST_MS: Final = 500.0
"""… up to this much of it, but for the last moment: the candidate waits for it."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """A piece of a reply, ``pcm`` at the line's output rate.

    ``at_ms``: where it begins in the reply; word times too count from the reply's first sample.
    ``text_delta``: the text that begins to sound with it; all of a reply's, joined, are its text.
    ``over``: it ends what the last ``text_delta`` began. ``last``: the reply is over; no sound is in it.
    """

    turn: TurnId
    at_ms: int
    pcm: bytes
    text_delta: str = ""
    words: tuple[WordTime, ...] = ()
    over: bool = False
    last: bool = False


class Pieces:
    """For one reply. Each stretch of one voice: `begin`, `push` … , `finish`; after the last, `end`."""

    def __init__(self, turn: TurnId, rate: int) -> None:
        self._turn, self._rate = turn, rate
        self._piece = bytes_of(PIECE_MS, rate)
        self._sent = 0
        self._buffer = b""
        self._text = ""
        self._spoken_before = False
        self._words: list[WordTime] = []
        self._lead_in = True
        self._skipped_ms = 0.0

    def begin(self, rate: int, leveller: Leveller, texts: Sequence[str]) -> None:
        """``texts`` grows as the engine takes its clauses."""
        self._engine_rate, self._leveller, self._texts = rate, leveller, texts
        self._resampler = Resampler(rate, self._rate)
        self._clause = -1
        self._base_ms = self._at_ms()
        self._skipped_ms = 0.0

    def push(self, sound: Sound) -> Iterator[Spoke]:
        if sound.clause > self._clause:
            yield from self._close()
            for n in range(self._clause + 1, sound.clause + 1):
                self._text += (" " if self._spoken_before else "") + self._texts[n]
                self._spoken_before = True
            self._clause = sound.clause
        pcm = self._without_lead_in(sound.pcm)
        for word in sound.words:
            at_ms = round(self._base_ms + max(word.at_ms - self._skipped_ms, 0.0))
            self._words.append(WordTime(word.text, at_ms))
        self._buffer += self._resampler.push(self._leveller.push(pcm))
        # Something is always left for the piece that says that its clause is over.
        while len(self._buffer) > self._piece:
            yield self._take(self._piece)
        if sound.last:
            yield from self._close()

    def finish(self) -> Iterator[Spoke]:
        yield from self._close()

    def end(self) -> Spoke:
        """The piece after the last sound; it carries text that had none."""
        return Spoke(self._turn, round(self._at_ms()), b"", self._text, (), over=True, last=True)

    def _close(self) -> Iterator[Spoke]:
        self._buffer += self._resampler.push(self._leveller.flush()) + self._resampler.flush()
        while len(self._buffer) > self._piece:
            yield self._take(self._piece)
        if self._buffer:
            yield self._take(len(self._buffer), over=True)

    def _take(self, size: int, *, over: bool = False) -> Spoke:
        pcm, self._buffer = self._buffer[:size], self._buffer[size:]
        at_ms = self._at_ms()
        end_ms = at_ms + ms_of(pcm, self._rate)
        words = tuple(word for word in self._words if over or word.at_ms < end_ms)
        self._words = self._words[len(words) :]
        text, self._text = self._text, ""
        self._sent += len(pcm)
        return Spoke(self._turn, round(at_ms), pcm, text, words, over)

    def _at_ms(self) -> float:
        return self._sent * 1000 / (WIDTH * self._rate)

    def _without_lead_in(self, pcm: bytes) -> bytes:
        if not self._lead_in or not pcm:
            return pcm
        loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > _QUIET)
        quiet = int(loud[0]) if len(loud) else len(pcm) // WIDTH
        left = bytes_of(_MOST_MS - self._skipped_ms, self._engine_rate) // WIDTH
        if len(loud) or quiet >= left:
            self._lead_in = False
            quiet -= bytes_of(_KEPT_MS, self._engine_rate) // WIDTH
        skip = max(min(quiet, left), 0)
        self._skipped_ms += skip * 1000 / self._engine_rate
        return pcm[skip * WIDTH :]
