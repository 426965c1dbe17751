"""A synthesiser that follows a script of time: how long each clause takes to begin and to go on.

Its sound is a tone whose length follows from the text, so that a test can say what sounds when.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np

from audio.tts import Sound, TtsError, WordTime

RATE = 16_000
MS_PER_CHAR = 60
CHUNK_MS = 50


@dataclass(frozen=True)
class Say:
    """Speak the clause. ``after_s``: until its first sound; ``pace``: seconds per second of sound."""

    after_s: float = 0.0
    pace: float = 0.0


@dataclass(frozen=True)
class Die:
    """Fail with ``error`` once ``after_ms`` of the clause have sounded."""

    error: TtsError
    after_ms: int = 0


@dataclass(frozen=True)
class Hang:
    """Never go on once ``after_ms`` of the clause have sounded."""

    after_ms: int = 0


@dataclass(frozen=True)
class Mute:
    """The clause has no sound, as dots have none."""


Step = Say | Die | Hang | Mute


@dataclass
class Spoken:
    """One stream. ``aborted``: its owner closed or cancelled it before its end."""

    voice: str
    speed: float
    clauses: list[str] = field(default_factory=list)
    live: bool = True
    aborted: bool = False


def length_ms(text: str, speed: float = 1.0) -> int:
    """How long ``text`` sounds: whole chunks."""
    return max(round(len(text) * MS_PER_CHAR / speed / CHUNK_MS), 1) * CHUNK_MS


def tone(ms: float, rate: int = RATE, amplitude: int = 3000, hertz: float = 220.0) -> bytes:
    n = np.arange(int(ms * rate / 1000))
    return bytes((amplitude * np.sin(2 * np.pi * hertz * n / rate)).astype("<i2").tobytes())


class ScriptedTTS:
    """Implements `audio.tts.TTS`: the n-th clause plays the n-th step; clauses beyond are spoken at once."""

    def __init__(self, *script: Step, name: str = "scripted", rate: int = RATE, words: bool = True) -> None:
        self._script, self._words = list(script), words
        self.name, self.note, self.rate = name, "a script", rate
        self.streams: list[Spoken] = []
        self.closed = False

    @property
    def live(self) -> int:
        return sum(stream.live for stream in self.streams)

    @property
    def said(self) -> Sequence[str]:
        return [clause for stream in self.streams for clause in stream.clauses]

    async def speak(
        self, clauses: AsyncIterator[str], voice: str, speed: float = 1.0
    ) -> AsyncGenerator[Sound, None]:
        stream = Spoken(voice, speed)
        self.streams.append(stream)
        base_ms = 0
        try:
            async for text in clauses:
                number = len(stream.clauses)
                stream.clauses.append(text)
                step = self._script.pop(0) if self._script else Say()
                async with aclosing(self._clause(text, speed, number, base_ms, step)) as sounds:
                    async for sound in sounds:
                        base_ms += CHUNK_MS if sound.pcm else 0
                        yield sound
            stream.live = False
        except TtsError:
            stream.live = False
            raise
        finally:
            stream.aborted, stream.live = stream.live, False

    async def aclose(self) -> None:
        self.closed = True

    async def _clause(
        self, text: str, speed: float, number: int, base_ms: int, step: Step
    ) -> AsyncGenerator[Sound, None]:
        if isinstance(step, Mute):
            yield Sound(b"", number, last=True)
            return
        total = length_ms(text, speed)
        words = _word_times(text, total, base_ms) if self._words else []
        if isinstance(step, Say):
            await asyncio.sleep(step.after_s)
        for at in range(0, total, CHUNK_MS):
            if isinstance(step, Die) and at >= step.after_ms:
                raise step.error
            if isinstance(step, Hang) and at >= step.after_ms:
                await asyncio.Event().wait()
            if isinstance(step, Say) and step.pace:
                await asyncio.sleep(step.pace * CHUNK_MS / 1000)
            here = [word for word in words if at <= word.at_ms - base_ms < at + CHUNK_MS]
            yield Sound(tone(CHUNK_MS, self.rate), number, tuple(here))
        yield Sound(b"", number, last=True)


def _word_times(text: str, total_ms: int, base_ms: int) -> list[WordTime]:
    times, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        times.append(WordTime(word, base_ms + total_ms * start // len(text)))
        start += len(word)
    return times
